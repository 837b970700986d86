"""Directory files, written for a test and read."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from sources.reading import read_directory
from sources.reading.listing import Listing


def read_content(content: bytes, *, sandbox: bool = False) -> Listing:
    """What a file with this content lists. Its name says nothing."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "directory"
        path.write_bytes(content)
        return read_directory(path, sandbox=sandbox)


def read_json(value: Any, *, sandbox: bool = False) -> Listing:
    return read_content(json.dumps(value).encode(), sandbox=sandbox)


def read_csv(text: str, *, sandbox: bool = False) -> Listing:
    return read_content(text.encode(), sandbox=sandbox)


def rows_in(content: bytes) -> list[dict[str, Any]]:
    """The rows of a list, read the plain way: what the product's reader must account for."""
    text = content.decode("utf-8-sig")
    if text.lstrip()[:1] not in "[{":
        return list(csv.DictReader(io.StringIO(text)))
    value = json.loads(text)
    return value if isinstance(value, list) else next(one for one in value.values() if isinstance(one, list))


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
