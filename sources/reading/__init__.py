"""Reading any directory file: a FHIR Bundle, a Lantern list, a plain list; JSON or CSV, packed or not."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from sources.reading import csv_rows, json_rows
from sources.reading.brands import BrandsBundle
from sources.reading.columns import Column
from sources.reading.json_rows import Document
from sources.reading.listing import Format, Listing, UnreadableDirectoryError
from sources.reading.opening import chunks_of
from sources.reading.plain_lists import PlainList

__all__ = ["read_directory"]

# Programs that put a mark before what has one already leave two, and some write it after a line's end.
_BEFORE_TEXT = re.compile(rb"\A(?:\s|\xef\xbb\xbf)+")


def read_directory(path: Path, *, sandbox: bool, progress: Callable[[int, int], None] | None = None) -> Listing:
    """What a directory file offers to patients, whatever its format: that is found by looking, not by name.

    `sandbox` may name plain http and this machine. `progress` is told the bytes read so far of the file, and
    how many there are. Raises UnreadableDirectoryError, and nothing else, for a file that is none as a whole.
    """
    with closing(chunks_of(path, progress)) as chunks:
        rest = filter(None, chunks)
        first = _look(next(rest, b""))
        return (_read_json if first[:1] in b"{[" else _read_csv)(chain([first], rest), sandbox)


def _look(first: bytes) -> bytes:
    """The first piece from where its text begins. Refuses what is no text, or a web page, in so many words."""
    text = _BEFORE_TEXT.sub(b"", first)
    if not text:
        raise UnreadableDirectoryError("The file is empty.")
    if b"\x00" in text or text.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise UnreadableDirectoryError("The file is neither text nor text packed with gzip once.")
    if text.startswith(b"<"):
        is_page = b"<html" in text[:2000].lower() or b"<!doctype html" in text[:2000].lower()
        what = "a web page (HTML)" if is_page else "XML"
        raise UnreadableDirectoryError(f"The file is {what}, not a directory as JSON or CSV.")
    return text


def _read_json(chunks: Iterator[bytes], sandbox: bool) -> Listing:
    document = Document()
    bundle = BrandsBundle(sandbox=sandbox)
    lists: dict[str, PlainList] = {}
    for key, row in json_rows.rows_of(chunks, document):
        if key == "entry":
            bundle.take(row)
        elif key in lists or len(lists) < 100:
            lists.setdefault(key, PlainList(sandbox=sandbox)).take(row)
    if document.facts.get("resourceType") == "Bundle":
        return bundle.finish()
    if "resourceType" in document.facts:
        raise UnreadableDirectoryError("The file is a FHIR resource, but not a Bundle.")
    return _only_list(document, lists).finish(Format.LANTERN if "Endpoints" in lists else Format.JSON_LIST)


def _only_list(document: Document, lists: dict[str, PlainList]) -> PlainList:
    """The list that the file is or holds. An object may hold others, but not of things with an address."""
    candidates = [one for one in lists.values() if Column.URL in one.found] or list(lists.values())
    if len(candidates) > 1:
        raise UnreadableDirectoryError("The file holds several lists; it must be one list, or hold just one.")
    if candidates:
        return candidates[0]
    if "entry" in document.lists:
        raise UnreadableDirectoryError("The file has entries, but does not say that it is a FHIR Bundle.")
    if document.lists:
        raise UnreadableDirectoryError("The file lists nothing.")
    raise UnreadableDirectoryError("The file is JSON, but neither a Bundle nor a list.")


def _read_csv(chunks: Iterator[bytes], sandbox: bool) -> Listing:
    plain_list = PlainList(sandbox=sandbox)
    for row in csv_rows.rows_of(chunks):
        plain_list.take(row)
        if plain_list.keys and not plain_list.found:
            raise UnreadableDirectoryError("The file is neither JSON nor a CSV with a header that names its columns.")
    if not plain_list.keys:
        raise UnreadableDirectoryError("The file is neither JSON nor a CSV with a header and rows.")
    is_lanterns = {"list", "organization_name", "npi", "zip"} <= set(plain_list.keys)
    return plain_list.finish(Format.LANTERN if is_lanterns else Format.CSV_LIST)
