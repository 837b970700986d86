"""The search index of this machine: a directory made from the database for one version of the catalogue.

The database is the truth. A missing, outdated or damaged directory is made anew: by a process of its own
while the old index goes on answering, or on the spot where there is none.
"""

import logging
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import fasteners
import tantivy
from django.conf import settings
from django.db import DatabaseError, connections

from sources.geography import gazetteer
from sources.models import Catalogue
from sources.searching.documents import documents
from sources.searching.schema import FORMAT, PLACE, SCHEMA

RECHECK_SECONDS = 2.0
# Where False, whoever asks first after a change builds the index and waits for it.
BUILD_ASIDE = True
RETRY_SECONDS = 30.0
# The documents of a large catalogue in one segment, so that equal scores keep the order of insertion.
HEAP_BYTES = 1_000_000_000
# A word that so many places have fills every page by itself.
COMMON = 5_000
# A word that so many places have, or a thirtieth of all, tells none from another.
_TELLING = 1_500
# Up to so many terms are looked up one by one.
_FEW = 50
# And so many that begin alike; more of them are gathered beforehand.
_FEW_BEGINNINGS = 16
_SIZES = "sizes.txt"
_LOCK = "build.lock"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenIndex:
    """An index that is open for searching, and stays so when its directory is replaced."""

    path: Path
    searcher: tantivy.Searcher
    checked_at: float
    highest_frequency: int
    """In how many documents the most frequent of all words is."""

    def is_common(self, word: str) -> bool:
        """Whether so many places have this word that its beginning finds nothing new."""
        return self.searcher.doc_freq("other", word) >= COMMON

    def is_telling(self, word: str) -> bool:
        """Whether few enough places have this word that it tells them from others."""
        return self.searcher.doc_freq("any", word) < max(_TELLING, self.searcher.num_docs // 30)

    def is_name(self, whole: str) -> bool:
        """Whether a place is called exactly so."""
        return bool(self.searcher.doc_freq("whole", whole))

    def has_word(self, word: str) -> bool:
        """Whether a place has this very word in its names or its place, or one that begins with it."""
        if self.searcher.doc_freq("any", word):
            return True
        return self.has_any(tantivy.Query.fuzzy_term_query(SCHEMA, "known_word", word, distance=0, prefix=True))

    def is_in_names(self, word: str) -> bool:
        """Whether a place has this very word in its name."""
        return bool(self.searcher.doc_freq("name", word))

    def beginning(self, field: str, text: str) -> list[str] | None:
        """The terms of a field that begin so; None for more than a few."""
        found = self.searcher.terms_with_prefix(field, text, limit=_FEW_BEGINNINGS + 1)
        return [term for term, _ in found] if len(found) <= _FEW_BEGINNINGS else None

    def has_any(self, query: tantivy.Query) -> bool:
        """Whether a document matches."""
        return bool(self.searcher.search(query, limit=1, count=False).hits)

    def only(self, field: str, values: list[str]) -> list[tantivy.Query]:
        """The condition that a place has one of these terms; none where all places have it, which is faster."""
        if len(values) > _FEW:
            return [tantivy.Query.term_set_query(SCHEMA, field, values)]
        counts = {value: self.searcher.doc_freq(field, value) for value in values}
        if self.searcher.doc_freq("kind", PLACE) in counts.values():
            return []
        terms = [tantivy.Query.term_query(SCHEMA, field, value, "basic") for value, count in counts.items() if count]
        return [tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])]


_latest: OpenIndex | None = None
_thread_lock = threading.Lock()
_builder_lock = threading.Lock()


def current() -> OpenIndex:
    """The index of the catalogue as it was at most RECHECK_SECONDS ago, or the one before while a new one is built.

    At most one query, unless there is no index at all: then this builds it.
    """
    global _latest
    latest, directory, now = _latest, Path(settings.SEARCH_INDEX_DIR), time.monotonic()
    if latest is not None and latest.path.parent != directory:
        latest = None
    if latest is not None and now - latest.checked_at < RECHECK_SECONDS:
        return latest
    path = path_now()
    if latest is not None and latest.path == path:
        _latest = replace(latest, checked_at=now)
    else:
        _latest = _opened(path) or _previous_or_built(path, latest or _newest(directory))
    return _latest


def path_now() -> Path:
    """Where the index of the catalogue as committed belongs."""
    return Path(settings.SEARCH_INDEX_DIR) / f"{FORMAT}-{Catalogue.current_version() or 'empty'}"


def is_there() -> bool:
    """Whether a search finds an index, of the catalogue as it is or of an earlier state of it. Builds nothing."""
    return _newest(Path(settings.SEARCH_INDEX_DIR)) is not None


def build() -> OpenIndex:
    """The index of the catalogue as committed, built unless another process has done so. Waits for one that does."""
    path = path_now()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _thread_lock, fasteners.InterProcessLock(str(path.parent / _LOCK)):
        return _opened(path) or _build(path)


def warm() -> None:
    """Make the first search of this process as fast as the others: open or build the index meanwhile."""
    threading.Thread(target=_warm, name="search-index-warmer", daemon=True).start()


def _warm() -> None:
    try:
        current()
        gazetteer()
    except (DatabaseError, OSError, ValueError):
        # Searches will say so themselves; a server that starts before its database must start all the same.
        logger.exception("the search index is not ready yet")
    finally:
        connections.close_all()


def _previous_or_built(path: Path, previous: OpenIndex | None) -> OpenIndex:
    if previous is None:
        return build()
    if BUILD_ASIDE:
        _build_aside()
        return replace(previous, checked_at=time.monotonic())
    try:
        return build()
    except (OSError, ValueError):
        # A disk that is full stops new indexes, not searching.
        logger.exception("the search index cannot be built, the previous one stays")
        return replace(previous, checked_at=time.monotonic())


def _build_aside() -> None:
    """Have a process build the index. One for each process that notices; those that come second find it done."""
    if _builder_lock.acquire(blocking=False):
        threading.Thread(target=_run_builder, name="search-index-builder", daemon=True).start()


def _run_builder() -> None:
    try:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "build_search_index"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own command
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            logger.error("the search index cannot be built, the previous one stays: %s", reason)
            time.sleep(RETRY_SECONDS)
    finally:
        _builder_lock.release()


def _newest(directory: Path) -> OpenIndex | None:
    """The latest whole index on disk, whatever state of the catalogue it was made from."""
    try:
        newest_first = sorted(directory.glob(f"{FORMAT}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:  # one was removed meanwhile
        return None
    return next(filter(None, map(_opened, newest_first)), None)


def _opened(path: Path) -> OpenIndex | None:
    """The index in this directory; None where there is none or it is damaged."""
    try:
        if (path / _SIZES).read_text() != _sizes(path):
            return None
        opened = tantivy.Index.open(str(path))
        opened.config_reader(reload_policy="manual")
        searcher = opened.searcher()
        return OpenIndex(path, searcher, time.monotonic(), _highest_frequency(searcher))
    except (OSError, ValueError):
        return None


def _highest_frequency(searcher: tantivy.Searcher) -> int:
    most = searcher.search(tantivy.Query.all_query(), limit=1, count=False, order_by_field="frequency").hits
    return int(most[0][0] or 0) if most else 0


def _build(path: Path) -> OpenIndex:
    """Write the index beside its place, then put it there by one rename, and remove all others."""
    started = time.monotonic()
    temporary = Path(tempfile.mkdtemp(prefix="building-", dir=path.parent))
    index = tantivy.Index(SCHEMA, path=str(temporary))
    writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
    for document in documents():
        writer.add_document(tantivy.Document(**document))
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
