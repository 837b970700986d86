"""The bytes of a directory file, unpacked, within limits. A file is somebody else's word, its size included."""

import gzip
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from sources.reading.listing import UnreadableDirectoryError

Progress = Callable[[int, int], None]

CHUNK = 64 * 1024
MAX_UNPACKED = 1_000_000_000
# Real lists shrink to a fifth or a twentieth. What shrinks to less than a two-hundredth was made to unpack.
MAX_RATIO = 200
_SMALL = 10_000_000
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"


def chunks_of(path: Path, progress: Progress | None = None) -> Generator[bytes]:
    """The text of the file as UTF-8 bytes without a byte order mark, piece by piece.

    `progress` is told the bytes of the file (packed or not) that were read so far, and how many there are.
    Raises UnreadableDirectoryError where the file cannot be opened, is cut off, or unpacks to too much.
    """
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            packed = file.peek(2)[:2] == _GZIP
            for number, chunk in enumerate(_limited(file, packed=packed)):
                if progress:
                    progress(min(file.tell(), total), total)
                yield chunk if number else chunk.removeprefix(_BOM)
    except EOFError as error:
        raise UnreadableDirectoryError(
            "The file ends in the middle: its gzip stream is cut off. Get the whole file again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableDirectoryError(f"The gzip file is damaged: {error}.") from error
    except OSError as error:
        raise UnreadableDirectoryError(f"The file cannot be read: {error.strerror or error}.") from error


def _limited(file: BinaryIO, *, packed: bool) -> Iterator[bytes]:
    source = gzip.GzipFile(fileobj=file) if packed else file
    unpacked = 0
    while chunk := source.read(CHUNK):
        unpacked += len(chunk)
        if unpacked > MAX_UNPACKED:
            raise UnreadableDirectoryError(f"The file has more than {MAX_UNPACKED // 1_000_000} MB of text.")
        if packed and unpacked > _SMALL and unpacked > MAX_RATIO * file.tell():
            raise UnreadableDirectoryError(
                f"The gzip file unpacks to more than {MAX_RATIO} times its size: no directory does that."
            )
        yield chunk
