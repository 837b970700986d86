"""A FHIR server on a loopback port that answers with exactly the bytes a test wants, and keeps its connections."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

DRIP_EVERY = 0.03
JSON = "application/fhir+json"


@dataclass(frozen=True)
class Asked:
    """One request; `connection` numbers the connections in the order in which they were opened, from 1."""

    target: str
    headers: dict[str, str]  # names in lower case
    connection: int


@dataclass(frozen=True)
class Reply:
    """The bytes of an answer, head included; none at all where there are none."""

    raw: bytes
    closes: bool = False
    drips: bool = False


def reply(body: bytes | str | Any = b"", status: int = 200, content_type: str = JSON, **headers: str) -> Reply:
    """A well-formed answer. What is neither bytes nor text is sent as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    common = {"Content-Type": content_type, "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (common | named).items()]
    return Reply("\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body)


def bundle(*resources: Any, next_url: str | None = None) -> dict[str, Any]:
    """A searchset of these resources."""
    link = [{"relation": "self", "url": "x"}] + ([{"relation": "next", "url": next_url}] if next_url else [])
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries}


def outcome(diagnostics: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": diagnostics}]}


class Server:
    """Answers between start and stop; `asked` has everything that was asked. With `tls`, over https."""

    def __init__(self, answer: Callable[[Asked], Reply] | Reply, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer if callable(answer) else lambda _: answer
        self.asked: list[Asked] = []
        self._tls = tls
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def origin(self) -> str:
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self._listening.getsockname()[1]}"

    @property
    def base(self) -> str:
        """The FHIR base URL."""
        return f"{self.origin}/fhir/r4"

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for each in [self._listening, *self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def is_left_alone(self) -> bool:
        """Whether everybody who was connected hangs up within a moment."""
        for conversation in self._threads[1:]:
            conversation.join(2)
        return not any(conversation.is_alive() for conversation in self._threads[1:])

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._stopping.is_set():
                connection, _ = self._listening.accept()
                self._open.append(connection)
                self._spawn(self._converse, connection, len(self._open))

    def _converse(self, connection: socket.socket, number: int) -> None:
        # Whoever is at the other end may leave whenever they like.
        with suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open[number - 1] = connection
            with connection, connection.makefile("rb") as reading:
                while asked := self._read(reading, number):
                    self.asked.append(asked)
                    answer = self.answer(asked)
                    self._send(connection, answer)
                    if answer.closes:
                        return

    def _read(self, reading: Any, number: int) -> Asked | None:
        first = reading.readline().decode()
        if not first:
            return None
        headers = {}
        while (line := reading.readline().decode().rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Asked(first.split(" ")[1], headers, number)

    def _send(self, connection: socket.socket, answer: Reply) -> None:
        if not answer.drips:
            connection.sendall(answer.raw)
            return
        for byte in answer.raw:
            connection.sendall(bytes([byte]))
            if self._stopping.wait(DRIP_EVERY):
                return
