"""A receiver on a loopback port, down to the bytes."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

LONGEST_WAIT = 60.0
DRIP_EVERY = 0.05


@dataclass(frozen=True)
class Heard:
    """One request, as it arrived."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> Any:
        return json.loads(self.body)


class Line:
    """A connection with whoever sends: what came on it, and what is said back."""

    def __init__(self, receiver: "Receiver", connection: socket.socket) -> None:
        self._receiver, self._connection = receiver, connection

    def listen(self) -> Heard:
        """Read one request with its body. Raises OSError where none comes, or something else."""
        with self._connection.makefile("rb") as reading:
            method, target, _ = _line(reading).split(" ")
            headers = {}
            while line := _line(reading):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            heard = Heard(method, target, headers, reading.read(int(headers.get("content-length", "0"))))
        self._receiver.heard.append(heard)
        return heard

    @property
    def is_over(self) -> bool:
        return self._receiver.stopping.is_set()

    def say(self, raw: bytes) -> None:
        self._connection.sendall(raw)

    def drip(self, raw: bytes) -> None:
        """The same, byte by byte, as slowly as it gets on anybody's nerves."""
        for byte in raw:
            self.say(bytes([byte]))
            if self._receiver.stopping.wait(DRIP_EVERY):
                return

    def hold(self) -> None:
        """Say nothing more and do not hang up, until the receiver stops."""
        self._receiver.stopping.wait(LONGEST_WAIT)

    def reset(self) -> None:
        """Hang up so that the other side reads of a reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _line(reading: Any) -> str:
    line: bytes = reading.readline()
    if not line or not line.isascii():
        raise ConnectionError
    return line.decode().rstrip("\r\n")


Behaviour = Callable[[Line], None]


class Receiver:
    """Listens within its block; `heard` has every request that was read. With `tls`, over https.

    `behave` may be exchanged while it runs. It is called for each connection, in a thread of its own.
    """

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.heard: list[Heard] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return self.url_at("127.0.0.1")

    def url_at(self, host: str) -> str:
        """Its address by another name."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/hooks"

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for each in [self._listening, *self._open.copy()]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self.stopping.is_set():
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.add(connection)
                self._spawn(self._converse, connection)

    def _converse(self, connection: socket.socket) -> None:
        # Whoever is at the other end may leave whenever they like.
        with suppress(OSError), connection:
            if self._tls:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    self.behave(Line(self, encrypted))
            else:
                self.behave(Line(self, connection))
        self._open.discard(connection)
