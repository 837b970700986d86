"""The project's settings, with nothing of the developer's own installation in them."""

import os
from pathlib import Path

VAR_DIR = Path(os.environ.get("TEST_VAR_DIR") or Path(__file__).parent.parent / "var" / "test").resolve()
(VAR_DIR / "static").mkdir(parents=True, exist_ok=True)
os.environ.pop("DATABASE_URL", None)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
os.environ.update(
    VAR_DIR=str(VAR_DIR),
    SANDBOX="true",
    BASE_URL="http://testserver",
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    LOG_LEVEL="INFO",
)

from medblocks_connect.settings import *  # noqa: E402, F403

# Templates name static files without a manifest, so that tests need no collectstatic.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Tests say themselves when a database is there.
SEARCH_INDEX_WARM = False
# A pool would keep the test database from being dropped.
DATABASES["default"]["OPTIONS"].pop("pool")  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
