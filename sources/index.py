"""The search index of this machine: a directory made from the database for one version of the catalogue.

The database is the truth. A missing, outdated or damaged directory is made anew; one process builds while
the others go on with what they have.
"""

import logging
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import fasteners
import tantivy
from django.conf import settings

from sources.documents import FORMAT, SCHEMA, documents
from sources.models import Catalogue

RECHECK_SECONDS = 2.0
# The documents of a large catalogue in one segment, so that equal scores keep the order of insertion.
HEAP_BYTES = 1_000_000_000
_SIZES = "sizes.txt"
_LOCK = "build.lock"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenIndex:
    """An index that is open for searching, and stays so when its directory is replaced."""

    path: Path
    searcher: tantivy.Searcher
    checked_at: float


_latest: OpenIndex | None = None
_thread_lock = threading.Lock()


def current() -> OpenIndex:
    """The index of the catalogue as it was at most RECHECK_SECONDS ago. At most one query, unless it builds."""
    global _latest
    latest, directory, now = _latest, Path(settings.SEARCH_INDEX_DIR), time.monotonic()
    if latest is not None and latest.path.parent != directory:
        latest = None
    if latest is not None and now - latest.checked_at < RECHECK_SECONDS:
        return latest
    path = directory / f"{FORMAT}-{Catalogue.current_version() or 'empty'}"
    if latest is not None and latest.path == path:
        _latest = replace(latest, checked_at=now)
    else:
        _latest = _opened(path) or _built_or_kept(path, latest)
    return _latest


def _built_or_kept(path: Path, previous: OpenIndex | None) -> OpenIndex:
    """A disk that is full stops new indexes, not searching."""
    try:
        return _built(path, previous)
    except (OSError, ValueError):
        if previous is None:
            raise
        logger.exception("the search index cannot be built, the previous one stays")
        return _kept(previous)


def _opened(path: Path) -> OpenIndex | None:
    """The index in this directory; None where there is none or it is damaged."""
    try:
        if (path / _SIZES).read_text() != _sizes(path):
            return None
        opened = tantivy.Index.open(str(path))
        opened.config_reader(reload_policy="manual")
        return OpenIndex(path, opened.searcher(), time.monotonic())
    except (OSError, ValueError):
        return None


def _built(path: Path, previous: OpenIndex | None) -> OpenIndex:
    """Build the index, or take what another process or thread has built meanwhile.

    Whoever has a previous index goes on with it rather than wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    process_lock = fasteners.InterProcessLock(str(path.parent / _LOCK))
    if not _thread_lock.acquire(blocking=previous is None):
        return _kept(previous)
    try:
        if not process_lock.acquire(blocking=previous is None):
            return _kept(previous)
        try:
            return _opened(path) or _build(path)
        finally:
            process_lock.release()
    finally:
        _thread_lock.release()


def _kept(previous: OpenIndex | None) -> OpenIndex:
    assert previous is not None  # without one, the locks are waited for
    return replace(previous, checked_at=time.monotonic())


def _build(path: Path) -> OpenIndex:
    """Write the index beside its place, then put it there by one rename, and remove all others."""
    started = time.monotonic()
    temporary = Path(tempfile.mkdtemp(prefix="building-", dir=path.parent))
    index = tantivy.Index(SCHEMA, path=str(temporary))
    writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
    for document in documents():
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    (temporary / _SIZES).write_text(_sizes(temporary))
    shutil.rmtree(path, ignore_errors=True)
    temporary.rename(path)
    for other in path.parent.iterdir():
        if other.is_dir() and other != path:
            shutil.rmtree(other, ignore_errors=True)
    opened = _opened(path)
    if opened is None:
        raise OSError(f"The search index in {path} cannot be read although it was just written.")
    logger.info("search index built: %d documents", opened.searcher.num_docs, extra=_duration(started))
    return opened


def _sizes(path: Path) -> str:
    """The names and sizes of the index's files. A file that is missing or cut off shows here."""
    files = sorted(file for file in path.iterdir() if file.name != _SIZES and not file.name.startswith("."))
    return "\n".join(f"{file.name} {file.stat().st_size}" for file in files)


def _duration(started: float) -> dict[str, float]:
    return {"duration_ms": round((time.monotonic() - started) * 1000, 1)}
