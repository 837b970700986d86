"""The product behind the web server it is deployed with, for what only shows on the wire."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.layers import ROOT
from tests.ports import free_port

# For what hangs: the slowest machine is faster.
START_SECONDS, STOP_SECONDS = 300, 60
# The application of tests.settings, on the database of the test that runs.
APPLICATION = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
sys.path.insert(0, {root!r})
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
from medblocks_connect.wsgi import application
"""


class Wire:
    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
        """Bytes as they are, to a connection of their own: status, headers in lower case, body."""
        with self.connect() as wire:
            for part in parts:
                wire.sendall(part)
            return read_answer(wire, is_head=parts[0].startswith(b"HEAD "))

    def request(
        self, line: str, headers: list[tuple[str, str]], body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        fields = [("Host", "localhost"), ("Connection", "close"), *headers]
        head = line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
        return self.send(head.encode("latin-1") + body)


def read_answer(wire: socket.socket, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = wire.recv(65536)
        assert more, f"closed after {received!r}"
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while not is_head and len(body) < int(headers.get("content-length", 0)):
        more = wire.recv(65536)
        assert more, "closed before the end of the body"
        body += more
    return int(status.split()[1]), headers, body


@contextmanager
def served(directory) -> Iterator[Wire]:
    """Serve the test's database until the block ends."""
    port = free_port()
    database = connection.settings_dict["NAME"]
    (directory / "wired.py").write_text(APPLICATION.format(root=str(ROOT), database=database))
    command = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--blocking-threads", "64", "--no-ws", "wired:application"]  # fmt: skip
    environment = os.environ | {"TEST_VAR_DIR": os.environ["VAR_DIR"], "PYTHONPATH": str(directory)}
    with (directory / "wired.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "granian", *command], cwd=directory, env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(port, process, directory)
        yield Wire(port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # how it ends is told elsewhere
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], directory) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, (directory / "wired.log").read_text()
        assert time.monotonic() < deadline, (directory / "wired.log").read_text()
        try:
            Wire(port).request("GET /health HTTP/1.1", [])
            return
        except (OSError, AssertionError):
            time.sleep(0.1)
