"""The rows of a JSON file, one at a time: whatever its size, only one row is in memory."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ijson
import ijson.backends.yajl2_c as yajl

from sources.reading.listing import UnreadableDirectoryError

MAX_DEPTH = 100
MAX_ROWS = 1_000_000
MAX_ROW = 4_000_000  # bytes
_MAX_FACTS = 100
_CUT_OFF = "The file ends in the middle: its last brackets are missing. Get the whole file again."
# One escape in a JSON string; the group is half of a surrogate pair without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.|$)", re.DOTALL
)
_LONGEST_ESCAPE = 12


@dataclass
class Document:
    """What the file says outside its rows. Complete once all rows were read.

    `facts` are the strings at the top, such as the resourceType. `lists` names the arrays in it.
    """

    facts: dict[str, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    is_container: bool = True


def rows_of(chunks: Iterable[bytes], document: Document) -> Iterator[tuple[str, Any]]:
    """The items of the array that the file is ("", item), or of the arrays in the object that it is (key, item).

    Raises UnreadableDirectoryError for what is not one whole JSON text, or is made to exhaust its reader.
    """
    skeleton = _Skeleton(document)
    count = 0
    for event, value in _events(chunks, skeleton):
        if skeleton.took(event, value):
            count += 1
            if count > MAX_ROWS:
                raise UnreadableDirectoryError(f"The file has more than {MAX_ROWS:,} entries.")
            yield skeleton.key, skeleton.row


def _events(chunks: Iterable[bytes], skeleton: "_Skeleton") -> Iterator[tuple[str, Any]]:
    events = ijson.sendable_list()
    parser = yajl.basic_parse_coro(events)
    silent = 0
    for chunk in filter(None, _mended(chunks)):  # an empty one would mean the end
        _send(parser, chunk)
        silent = 0 if events else silent + len(chunk)
        if silent > MAX_ROW:
            raise UnreadableDirectoryError(f"A single value is longer than {MAX_ROW // 1_000_000} MB.")
        skeleton.grow(len(chunk))
        yield from events
        events.clear()
    _send(parser, None)


def _send(parser: Any, chunk: bytes | None) -> None:
    """Parse some more; None: there is no more."""
    try:
        parser.close() if chunk is None else parser.send(chunk)
    except ijson.JSONError as error:
        # The parser's message quotes the file and draws an arrow; its first line says what is wrong.
        words = error.args[0] if error.args else ""
        words = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        if chunk is None or "premature EOF" in words:
            raise UnreadableDirectoryError(_CUT_OFF) from error
        raise UnreadableDirectoryError(f"The file is not JSON: {words.splitlines()[0].strip(' .')}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableDirectoryError("The file is not UTF-8 text.") from error
    except (ArithmeticError, ValueError, SystemError) as error:
        # The parser's C code fails so on numbers of thousands of digits.
        raise UnreadableDirectoryError("The file has a number that is too long to be one.") from error


def _mended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text with a space for each half of a surrogate pair: the parser gives up on some of them."""
    carried = b""
    for chunk in chunks:
        text = carried + chunk
        cut = len(text)
        if b"\\" in text[-_LONGEST_ESCAPE:]:
            unsure = cut - _LONGEST_ESCAPE
            cut = next((one.start() for one in _ESCAPE.finditer(text) if one.end() > unsure), cut)
        carried = text[cut:]
        yield _without_halves(text[:cut])
    yield _without_halves(carried)


def _without_halves(text: bytes) -> bytes:
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _ESCAPE.sub(lambda escape: b"\\u0020" if escape.group(1) else escape.group(), text)


class _Skeleton:
    """Follows the events from the file's first bracket to its last, and builds the rows between them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.key, self.row = "", None
        self._name = ""
        self._depth = self._rows_at = 0
        self._open: list[Any] = []
        self._size = 0

    def grow(self, size: int) -> None:
        """So many bytes more were read. They are a row's while it is open."""
        self._size = self._size + size if self._open else 0
        if self._size > MAX_ROW:
            raise UnreadableDirectoryError(f"A single entry is larger than {MAX_ROW // 1_000_000} MB.")

    def took(self, event: str, value: Any) -> bool:
        """Take one event of the parser. True: it completed `row`, an item of the list `key`."""
        if event == "map_key":
            self._name = value
            return False
        if event in ("start_map", "start_array"):
            self._start({} if event == "start_map" else [])
            return False
        if event in ("end_map", "end_array"):
            return self._end()
        return self._take(value)

    def _start(self, container: dict[str, Any] | list[Any]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnreadableDirectoryError(f"The file is nested more than {MAX_DEPTH} levels deep.")
        if self._open:
            self._put(container)
            self._open.append(container)
        elif self._depth - 1 == self._rows_at > 0:
            self._open.append(container)
            self._size = 0
        elif self._depth == 1 and isinstance(container, list):
            self._rows_at = 1
            self.document.lists.append("")
        elif self._depth == 2 and isinstance(container, list):
            self._rows_at, self.key = 2, self._name
            if len(self.document.lists) < _MAX_FACTS:
                self.document.lists.append(self._name)

    def _end(self) -> bool:
        self._depth -= 1
        if self._open:
            self.row = self._open.pop()
            return not self._open
        if self._depth < self._rows_at:
            self._rows_at = 0
        return False

    def _take(self, value: Any) -> bool:
        if self._open:
            self._put(value)
        elif self._depth == self._rows_at > 0:
            self.row = value
            return True
        elif self._depth == 0:
            self.document.is_container = False
        elif self._depth == 1 and isinstance(value, str) and len(self.document.facts) < _MAX_FACTS:
            self.document.facts[self._name] = value[:_MAX_FACTS]
        return False

    def _put(self, value: Any) -> None:
        above = self._open[-1]
        if isinstance(above, dict):
            above[self._name] = value
        else:
            above.append(value)
