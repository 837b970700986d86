"""Importing directories: files and URLs into the catalogue, each as one change that can be reviewed and taken back.

`running.py` is the way in. `store.py` has the order of steps, docs/adr/0016 the rules.
"""

from sources.imports.orders import ImportRefusedError
from sources.imports.report import Report
from sources.imports.rollback import roll_back
from sources.imports.running import DownloadFailedError, directory_name, import_again, import_file, import_url

__all__ = [
    "DownloadFailedError",
    "ImportRefusedError",
    "Report",
    "directory_name",
    "import_again",
    "import_file",
    "import_url",
    "roll_back",
]
