"""A database with all migrations applied, of which every test process gets a copy: applying them takes five seconds."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

PREFIX = "medblocks_connect_migrated_"
REQUIREMENTS = Path(__file__).parent.parent / "requirements.txt"


def migrated_database() -> str:
    """Its name, which says which migrations these are. Made where there is none yet, by one process at a time."""
    name = PREFIX + _digest_of_migrations()
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [PREFIX])  # until the cursor's connection ends
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        found = [row[0] for row in cursor.fetchall()]
        if name not in found:
            for earlier in found:
                cursor.execute(f"DROP DATABASE {earlier}")
            unfinished = f"{PREFIX}unfinished"
            cursor.execute(f"CREATE DATABASE {unfinished}")
            with _connected_to(unfinished):
                call_command("migrate", verbosity=0)
            cursor.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")
    return name


def _digest_of_migrations() -> str:
    """Of their files, and of the packages whose migrations read others."""
    migrations = MigrationLoader(None).disk_migrations
    files = {str(key): sys.modules[migration.__module__].__file__ for key, migration in migrations.items()}
    found = hashlib.sha256(REQUIREMENTS.read_bytes())
    for key, file in sorted(files.items()):
        found.update(key.encode() + Path(file).read_bytes())
    return found.hexdigest()[:16]


@contextmanager
def _connected_to(name: str) -> Iterator[None]:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
