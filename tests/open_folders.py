"""Folders that every user of the machine may enter, as PostgreSQL has to: where we are root, it is somebody else.

pytest's own temporary folders are closed to others, and closed again whenever another run begins beside this one.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.settings import VAR_DIR


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty one, gone at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="open-", dir=VAR_DIR))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
