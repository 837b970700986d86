"""The real directories that some tests read. They are not part of this repository."""

import gzip
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "directories"
needs_directories = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"real directories are not at {FOLDER}")


def content_of(name: str) -> bytes:
    content = (FOLDER / name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content
