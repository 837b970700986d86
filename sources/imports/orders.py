"""What somebody wants imported, and why it may not be."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

MAX_NAME = 500


class ImportRefusedError(Exception):
    """The import was stopped and the catalogue is as it was. The message says why."""


@dataclass(frozen=True)
class Order:
    """What to import into which directory, and on whose word.

    `force` allows that many places are retired at once; `dry_run` only says what would happen. `vendor` becomes
    the type of all its sources. `is_watched` makes it a directory that is imported every week; None leaves that.
    """

    directory: str
    environment: str
    origin: str
    by: str
    vendor: str | None = None
    url: str | None = None
    force: bool = False
    dry_run: bool = False
    is_watched: bool | None = None
    started_at: datetime = field(default_factory=timezone.now)

    def __post_init__(self) -> None:
        """Raises ImportRefusedError for a name or a URL that cannot be kept."""
        for what, value in (("name of the directory", self.directory), ("URL", self.url)):
            if value is not None and not (0 < len(value) <= MAX_NAME and value.isprintable()):
                raise ImportRefusedError(f"The {what} has to have 1 to {MAX_NAME} printable characters.")


@dataclass(frozen=True)
class Edition:
    """What tells this edition of a directory from another."""

    sha256: str = ""
    size: int = 0
    etag: str = ""
    last_modified: str = ""
