"""The rows of a CSV file, one at a time."""

import codecs
import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from sources.reading.json_rows import MAX_ROW, MAX_ROWS
from sources.reading.listing import UnreadableDirectoryError

_CUT_OFF = "The file ends in the middle of a row. Get the whole file again."


def rows_of(chunks: Iterable[bytes]) -> Iterator[dict[str, str] | None]:
    """The rows after the header, by its column names; None for one that is no CSV. Empty lines are passed over.

    Raises UnreadableDirectoryError for what is not text in UTF-8, or ends inside a row.
    """
    lines = _Lines(chunks)
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count), strict=True)
    header: list[str] | None = None
    for number, row in enumerate(_read(reader)):
        if number > MAX_ROWS:
            raise UnreadableDirectoryError(f"The file has more than {MAX_ROWS:,} entries.")
        if header is None:
            header = row or []
        elif row is None:
            yield None
        elif len(row) < len(header) and lines.is_cut_off:
            raise UnreadableDirectoryError(_CUT_OFF)
        elif any(row):
            yield dict(zip(header, row, strict=False))


def _read(reader: Iterator[list[str]]) -> Iterator[list[str] | None]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise UnreadableDirectoryError(_CUT_OFF) from error
            yield None


class _Lines:
    """The lines of a text in UTF-8. `is_cut_off`: the last one was read, and has no end."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._lines = self._split(chunks)
        self.is_cut_off = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def _split(self, chunks: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        rest = ""
        try:
            for chunk in chunks:
                *lines, rest = (rest + decoder.decode(chunk)).split("\n")
                yield from (line + "\n" for line in lines)
                if len(rest) > MAX_ROW:
                    raise UnreadableDirectoryError(f"A single line is longer than {MAX_ROW // 1_000_000} MB.")
            rest += decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise UnreadableDirectoryError("The file is not UTF-8 text.") from error
        if rest:
            self.is_cut_off = True
            yield rest
