"""Running the web server and the worker side by side, and stopping both whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import requests

START_SECONDS = 60
STOP_SECONDS = 15
KILL_SECONDS = 2
# A few compute at a time (common/turns.py), the others wait: for their turn, or for a portal.
WEB_THREADS = "64"
_APPLICATION = "medblocks_connect.wsgi:application"


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C or SIGTERM."""


class Died(Exception):
    """A process ended that should not have. The message says which, and how its log ends."""


class Process:
    """One child, in a session of its own, so that only we decide when it stops."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.child = subprocess.Popen(  # noqa: S603  our own arguments
                arguments, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def check(self) -> None:
        """Raises Died unless it runs."""
        if self.child.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            status = self.child.returncode
            raise Died(f"The {self.name} stopped with status {status}. Its log ({self.log}) ends:\n{tail}")

    def stop(self) -> None:
        """Ask it to end; make it and its own children end if it does not, or if it has died and left them behind."""
        if self.child.poll() is None:
            self.child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(STOP_SECONDS)
        self._end_group()
        self.child.wait()

    def _end_group(self) -> None:
        deadline = time.monotonic() + KILL_SECONDS
        with suppress(ProcessLookupError):  # nobody is left
            while time.monotonic() < deadline:
                os.killpg(self.child.pid, signal.SIGKILL)
                time.sleep(0.05)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running(port: int, log_dir: Path) -> Iterator[list[Process]]:
    """The web server on `port` and the worker, for as long as the block lasts."""
    processes: list[Process] = []
    try:
        processes.append(Process("web server", web_command(port), log_dir / "web.log"))
        processes.append(Process("worker", worker_command(), log_dir / "worker.log"))
        yield processes
    finally:
        for process in reversed(processes):
            process.stop()


def web_command(port: int) -> list[str]:
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    return [*granian, "--blocking-threads", WEB_THREADS, "--no-ws", "--respawn-failed-workers", _APPLICATION]


def worker_command() -> list[str]:
    return [sys.executable, "manage.py", "worker"]


def wait_until_healthy(base_url: str, processes: list[Process]) -> None:
    """Return once the web server answers. Raises Died."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for process in processes:
            process.check()
        try:
            if requests.get(f"{base_url}/health", timeout=2).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
    raise Died(f"The web server does not answer at {base_url}/health.")


def stop_on_signals() -> None:
    """Turn Ctrl-C and SIGTERM into Stopped, once; a second one no longer interrupts the stopping."""

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
