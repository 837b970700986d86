"""A PostgreSQL of a test's own, which can be killed and started again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
from django.db import connections
from django.db.utils import load_backend

from medblocks_connect.embedded import server

NAME = "chaos"
ENGINE = "django.db.backends.postgresql"
KILLED_SECONDS = 10


class Database:
    """The embedded server on a directory in an open folder. Nobody but us starts it again."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.start()
        server._create_if_missing(self._host, NAME)

    def start(self) -> None:
        self._host = str(server._start(self._data_dir).get_postmaster_info().socket_dir)

    def kill(self) -> None:
        """`kill -9`: all its processes at once, so that nothing is written any more."""
        postmaster = psutil.Process(int((self._data_dir / "postmaster.pid").read_text().split("\n", 1)[0]))
        postmaster.suspend()  # it would start others in place of those that are killed first
        processes = [*postmaster.children(recursive=True), postmaster]
        for each in processes:
            each.kill()
        psutil.wait_procs(processes, timeout=KILLED_SECONDS)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{NAME}?host={quote(self._host, safe='')}"

    @contextmanager
    def in_place_of_the_tests(self) -> Iterator[None]:
        """Django's database, in this thread, is this one as long as the block lasts."""
        of_the_tests = connections["default"]
        ours = of_the_tests.settings_dict | {"ENGINE": ENGINE, "NAME": NAME, "HOST": self._host, "USER": "postgres"}
        connections["default"] = load_backend(ENGINE).DatabaseWrapper(ours, "default")
        try:
            yield
        finally:
            connections["default"].close()
            connections["default"] = of_the_tests
