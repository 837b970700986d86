"""Importing one file or one URL, from reading it to noting how it ended."""

import hashlib
import re
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.utils import timezone

from common.outbound import Downloaded, OutboundError, download
from organizations.models import Environment
from sources.imports.orders import MAX_NAME, Edition, ImportRefusedError, Order
from sources.imports.report import Report, report_of
from sources.imports.store import store
from sources.models import Directory, DirectoryImport, Source, Status
from sources.reading import read_directory
from sources.reading.listing import UnreadableDirectoryError

Progress = Callable[[int, int], None]
_SUFFIXES = {".gz", ".json", ".csv", ".txt", ".ndjson"}
_DATE = re.compile(r"[._-]?(19|20)\d\d[-_]?(0[1-9]|1[0-2])[-_]?([0-2]\d|3[01])(?!\d)")


class DownloadFailedError(ImportRefusedError):
    """The file could not be fetched. Another time it may work."""


def directory_name(origin: str) -> str:
    """What a directory is called unless somebody names it: a URL by itself, a file by its name without its date."""
    if is_url(origin):
        return origin
    name = Path(origin).name
    while Path(name).suffix.lower() in _SUFFIXES:
        name = Path(name).stem
    return _DATE.sub("", name) or name


def is_url(origin: str) -> bool:
    return origin.lower().startswith(("https://", "http://"))


def import_file(
    path: Path, *, environment: str, progress: Progress | None = None, all_names: bool = False, **order: Any
) -> Report:
    """Import a directory file of any format.

    All or nothing; the same file twice changes nothing. What an `Order` knows can be given as keywords.
    Raises ImportRefusedError, with a sentence, and leaves the catalogue as it was.
    """
    name = path.name.encode(errors="replace").decode()[:MAX_NAME]  # file names need not be text
    named = {"directory": directory_name(name), "origin": name, "by": "command"}
    ordered = Order(environment=environment, **(named | _given(order)))
    return _noting_refusal(ordered, lambda: _import(path, ordered, _edition(path), progress, all_names))


def import_url(
    url: str, *, environment: str, progress: Progress | None = None, all_names: bool = False, **order: Any
) -> Report:
    """Import a directory from a URL, unless it is still the edition that was imported last.

    As `import_file`; DownloadFailedError says that it could not be fetched.
    """
    named = {"directory": directory_name(url), "origin": url[:500], "url": url, "by": "command"}
    ordered = Order(environment=environment, **(named | _given(order)))
    return _noting_refusal(ordered, lambda: _import_url(url, ordered, progress, all_names))


def import_again(directory_id: int, *, by: str) -> Report | None:
    """Import a known directory from its URL; None for one that is gone or has none. Raises as `import_url`."""
    directory = Directory.objects.filter(pk=directory_id).exclude(url=None).first()
    if directory is None or directory.url is None:
        return None
    return import_url(
        directory.url,
        environment=directory.environment,
        directory=directory.name,
        vendor=directory.vendor,
        by=by,
    )


def _given(order: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in order.items() if value is not None}


def _noting_refusal(order: Order, run: Callable[[], Report]) -> Report:
    """A directory that is known keeps a note of an import that failed; the catalogue has no trace of it."""
    try:
        return run()
    except ImportRefusedError as error:
        if not order.dry_run:
            _note(order, Status.REFUSED, str(error))
        raise


def _import(path: Path, order: Order, edition: Edition, progress: Progress | None, all_names: bool) -> Report:
    try:
        listing = read_directory(path, sandbox=order.environment == Environment.SANDBOX, progress=progress)
    except (UnreadableDirectoryError, OSError) as error:
        raise ImportRefusedError(str(error)) from error
    return store(listing, order, edition, all_names=all_names)


def _edition(path: Path) -> Edition:
    try:
        # It is read twice, and a pipe has what it gives only once. One that nobody writes to would never end.
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ImportRefusedError("It is not a file but a pipe or a device. Save what it gives, and import that.")
        with path.open("rb") as file:
            return Edition(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
    except OSError as error:
        raise ImportRefusedError(f"The file cannot be read: {error.strerror or error}.") from error


def _import_url(url: str, order: Order, progress: Progress | None, all_names: bool) -> Report:
    last = Directory.objects.filter(environment=order.environment, name=order.directory).first()
    # Another vendor is something new to say about the same file.
    is_same = last is not None and last.sha256 and last.url == url and order.vendor in (None, last.vendor)
    with tempfile.TemporaryDirectory(prefix="directory-") as folder:
        path = Path(folder) / "edition"
        got = _fetched(url, order, path, _validators(last) if last and is_same else {}, progress)
        if last and is_same and (got.status == HTTPStatus.NOT_MODIFIED or got.sha256 == last.sha256):
            return _nothing_new(order, last, got)
        edition = Edition(got.sha256, got.size, got.etag[:500], got.last_modified[:100])
        return _import(path, order, edition, progress, all_names)


def _validators(last: Directory) -> dict[str, str]:
    """What asks the publisher for nothing, if there is nothing new."""
    known = {"If-None-Match": last.etag, "If-Modified-Since": last.last_modified}
    return {name: value for name, value in known.items() if value}


def _fetched(url: str, order: Order, path: Path, validators: dict[str, str], progress: Progress | None) -> Downloaded:
    reach = Source(environment=order.environment).reach
    try:
        got = download(url, reach, path, headers=validators, progress=progress)
    except OutboundError as error:
        raise DownloadFailedError(f"It could not be downloaded. {error}") from error
    if got.status == HTTPStatus.OK or (validators and got.status == HTTPStatus.NOT_MODIFIED):
        return got
    raise DownloadFailedError(f"It could not be downloaded. The server answered with status {got.status}.")


def _nothing_new(order: Order, directory: Directory, got: Downloaded) -> Report:
    if order.dry_run:
        unsaved = DirectoryImport(directory=directory, environment=order.environment, status=Status.UNCHANGED)
        return report_of(unsaved, dry_run=True)
    if order.is_watched is not None:
        directory.is_watched = order.is_watched
        directory.save(update_fields=["is_watched"])
    run = _note(order, Status.UNCHANGED, "The publisher has nothing newer.")
    return report_of(run or DirectoryImport(directory=directory, environment=order.environment))


def _note(order: Order, status: Status, reason: str) -> DirectoryImport | None:
    """Note how an import ended that did not touch the catalogue, if its directory is known."""
    directory = Directory.objects.filter(environment=order.environment, name=order.directory).first()
    if directory is None:
        return None
    now = timezone.now()
    told = reason if status == Status.UNCHANGED else f"Refused. {reason}"
    Directory.objects.filter(pk=directory.pk).update(last_checked_at=now, last_result=told)
    return DirectoryImport.objects.create(
        directory=directory,
        origin=order.origin[:500],
        environment=order.environment,
        vendor=order.vendor,
        started_at=order.started_at,
        finished_at=now,
        by=order.by,
        status=status,
        reason=reason,
    )
