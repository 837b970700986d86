"""JSON as portals write it, and PostgreSQL takes it.

Python and PostgreSQL agree on what JSON is but for a few things: `\\u0000`, half of a surrogate pair, NaN, and numbers
without measure. One of them anywhere keeps the whole text from being stored, so the entries that have one are cut out
of it. What is kept is kept letter by letter: a 1.00 stays a 1.00.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import WHITESPACE  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any

# Objects and arrays of one answer; each takes a hundred bytes of memory, though two of text.
MAX_CONTAINERS = 1_000_000
# A number is written out when it is read again: 1e99999 would be a hundred kilobytes.
_MAX_NUMBER_LENGTH = 100
_LARGE_EXPONENT = re.compile(r"[eE][+-]?0*[1-9]\d\d")
_STORABLE_ESCAPE = re.compile(r"\\(?:[^u]|u(?!0000|[dD][89a-fA-F])....|u[dD][89abAB]..\\u[dD][c-fC-F]..)")


class NotJson(Exception):
    """It cannot be read."""


class TooMuch(Exception):
    """It has more parts than we take to memory."""


@dataclass(frozen=True)
class Document:
    """A JSON text and what it says, its numbers left out. Not everything in it may be storable."""

    text: str
    content: Any
    is_storable: bool


def read(body: bytes) -> Document:
    """The document in `body`. Raises NotJson or TooMuch."""
    text = _text(body)
    if text.count("{") + text.count("[") > MAX_CONTAINERS:
        raise TooMuch
    numbers = _Numbers()
    try:
        content = numbers.decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    return Document(text, content, numbers.are_storable and _escapes_are_storable(text))


def without_unstorable(bundle: Document) -> tuple[str, frozenset[int]]:
    """The text of a Bundle with the same entries, but null for those that cannot be stored; and their indices."""
    pieces, unstorable = [], set()
    for index, piece in enumerate(_entries(bundle.text)):
        numbers = _Numbers()
        numbers.decoder.decode(piece)
        is_storable = numbers.are_storable and _escapes_are_storable(piece)
        pieces.append(piece if is_storable else "null")
        if not is_storable:
            unstorable.add(index)
    return f'{{"resourceType":"Bundle","entry":[{",".join(pieces)}]}}', frozenset(unstorable)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJson from error


class _Numbers:
    """A decoder that leaves numbers out, and remembers whether all of them can be stored."""

    def __init__(self) -> None:
        self.are_storable = True
        self.decoder = json.JSONDecoder(
            parse_int=self._look_at, parse_float=self._look_at, parse_constant=self._not_a_number
        )

    def _look_at(self, number: str) -> int:
        if len(number) > _MAX_NUMBER_LENGTH or _LARGE_EXPONENT.search(number):
            self.are_storable = False
        return 0

    def _not_a_number(self, _: str) -> int:
        self.are_storable = False
        return 0


def _escapes_are_storable(text: str) -> bool:
    if "\\u0000" not in text and "\\ud" not in text and "\\uD" not in text:
        return True
    return "\\" not in _STORABLE_ESCAPE.sub("", text)


def _entries(text: str) -> list[str]:
    """The texts of the entries of a Bundle. Of several lists of them the last counts, as everywhere in JSON."""
    entries: list[str] = []
    decoder = _Numbers().decoder
    for name, start in _members(text, decoder):
        if name == "entry":
            entries = list(_items(text, start, decoder))
    return entries


def _members(text: str, decoder: json.JSONDecoder) -> Iterator[tuple[str, int]]:
    """The names in an object, each with the place where its value begins. The text is known to be JSON."""
    at = _skip(text, 0) + 1
    while text[at := _skip(text, at)] != "}":
        name, at = decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        yield name, start
        at = _skip(text, decoder.raw_decode(text, start)[1])
        at += text[at] == ","


def _items(text: str, start: int, decoder: json.JSONDecoder) -> Iterator[str]:
    """The texts of the values in the array that begins there, if one does."""
    if text[start] != "[":
        return
    at = start + 1
    while text[at := _skip(text, at)] != "]":
        _, end = decoder.raw_decode(text, at)
        yield text[at:end]
        at = _skip(text, end)
        at += text[at] == ","


def _skip(text: str, at: int) -> int:
    return int(WHITESPACE.match(text, at).end())
