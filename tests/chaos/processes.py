"""The product's own processes on a test's database: real ones, so that they can be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from medblocks_connect.supervisor import wait_until_healthy, web_command
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
STOP_SECONDS = 120
# Pulls, mails and the rest.
KINDS_OF_JOBS = 3


class Process:
    """A child in a session of its own. `output` is all that it wrote."""

    def __init__(self, name: str, arguments: list[str], folder: Path, *, grace_seconds: int = 0) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        environment = {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "TEST_VAR_DIR": str(settings.VAR_DIR),
            "TEST_DATABASE_NAME": connection.settings_dict["NAME"],
            "TEST_BASE_URL": settings.BASE_URL,
            "TEST_GRACE_SECONDS": str(grace_seconds),
        }
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                arguments, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self.child.poll() is None

    def is_at_work(self) -> bool:
        """Whether this worker takes jobs of all kinds, and delivers events."""
        self.check()
        output = self.output
        return output.count("Starting worker on") == KINDS_OF_JOBS and "delivering events" in output

    def check(self) -> None:
        assert self.is_running(), f"{self.name} ended with {self.child.returncode}:\n{self.output[-3000:]}"

    def tell(self, number: signal.Signals) -> None:
        self.child.send_signal(number)

    def ended(self, within: float = STOP_SECONDS) -> int:
        """Its exit status."""
        return self.child.wait(within)

    def kill(self) -> None:
        """`kill -9`: it, and what it may have started."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def stop(self) -> int:
        self.tell(signal.SIGTERM)
        return self.ended()


def worker(name: str, folder: Path, *options: str) -> Process:
    """A real worker. Among the options: `--hurry`."""
    return Process(name, [sys.executable, "-m", "tests.chaos.worker", *options], folder)


@contextmanager
def web_server(folder: Path, *, grace_seconds: int = 0) -> Iterator[str]:
    """The product and its sandbox as granian serves them, at an address that the test's settings then have."""
    port = free_port()
    settings.BASE_URL = f"http://localhost:{port}"
    server = Process("web", web_command(port), folder, grace_seconds=grace_seconds)
    try:
        wait_until_healthy(settings.BASE_URL, [server])
        yield settings.BASE_URL
    finally:
        if server.is_running():
            server.kill()
