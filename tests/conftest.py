"""What every test gets: settings of its own, PostgreSQL, and no network but loopback."""

import os
import tempfile
from pathlib import Path

# Before Django reads its settings: nothing of the developer's own installation takes part.
VAR_DIR = Path(os.environ.get("TEST_VAR_DIR", Path(__file__).parent.parent / "var" / "test")).resolve()
os.environ.pop("DATABASE_URL", None) if not os.environ.get("TEST_DATABASE_URL") else os.environ.update(
    DATABASE_URL=os.environ["TEST_DATABASE_URL"]
)
os.environ.update(
    VAR_DIR=str(VAR_DIR),
    SANDBOX="true",
    BASE_URL="http://testserver",
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    LOG_LEVEL="INFO",
)

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def _own_search_index(settings: object) -> None:
    settings.SEARCH_INDEX_DIR = Path(tempfile.mkdtemp(prefix="search-"))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _plain_static_files(settings: object) -> None:
    """Templates name static files without a manifest, so that tests need no collectstatic."""
    settings.STORAGES = {  # type: ignore[attr-defined]
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
