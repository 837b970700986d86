"""JSON as portals write it, and PostgreSQL takes it.

Python and PostgreSQL agree on what JSON is but for a few things: `\\u0000`, half of a surrogate pair, NaN, and numbers
without measure. One of them anywhere keeps the whole text from being stored, so the entries that have one are cut out
of it. What is kept is kept letter by letter: a 1.00 stays a 1.00.
"""

import json
import re
from dataclasses import dataclass
from json.decoder import WHITESPACE  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any

# Objects and arrays of one answer, and commas; each may take a hundred bytes of memory and more, though two of text.
MAX_CONTAINERS = 300_000
MAX_COMMAS = 600_000
# A number is written out when it is read again: 1e99 would be a hundred digits. Real ones end at e±24.
_MAX_NUMBER_LENGTH = 100
_LARGE_EXPONENT = re.compile(r"[eE][+-]?0*(?:[3-9]\d|[1-9]\d\d)")
_LONE_SURROGATE_OR_NUL = re.compile(
    r"\\u(?:0000|[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F])"
)


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
    if text.count("{") + text.count("[") > MAX_CONTAINERS or text.count(",") > MAX_COMMAS:
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
    for index, (piece, is_storable) in enumerate(_entries(bundle.text)):
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
    # Escaped backslashes come first: what follows one of them is no escape.
    return not _LONE_SURROGATE_OR_NUL.search(text.replace("\\\\", "--"))


def _entries(text: str) -> list[tuple[str, bool]]:
    """The texts of the entries of a Bundle, and whether each can be stored. The text is known to be JSON.

    Of several lists of entries the last counts, as everywhere in JSON.
    """
    entries: list[tuple[str, bool]] = []
    decoder = _Numbers().decoder
    at = _skip(text, 0) + 1
    while text[at := _skip(text, at)] != "}":
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if name == "entry" and text[at] == "[":
            entries, at = _items(text, at)
        else:
            _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        at += text[at] == ","
    return entries


def _items(text: str, at: int) -> tuple[list[tuple[str, bool]], int]:
    """The texts of the values in the array that begins there, whether each can be stored, and where the array ends."""
    items = []
    numbers = _Numbers()
    at += 1
    while text[at := _skip(text, at)] != "]":
        numbers.are_storable = True
        _, end = numbers.decoder.raw_decode(text, at)
        piece = text[at:end]
        items.append((piece, numbers.are_storable and _escapes_are_storable(piece)))
        at = _skip(text, end)
        at += text[at] == ","
    return items, at + 1


def _skip(text: str, at: int) -> int:
    return int(WHITESPACE.match(text, at).end())
