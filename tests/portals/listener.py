"""An HTTP server on a loopback port: requests in, answers out, and nothing left when it stops."""

import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

LONGEST_WAIT = 30.0
DRIP_EVERY = 0.2

Delivery = Literal["whole", "drip", "hang", "close"]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `at` names the listener."""

    at: str
    method: str
    path: str
    query_pairs: Pairs
    headers: Message  # looked up without regard to case
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return dict(self.query_pairs)

    @property
    def form_pairs(self) -> Pairs:
        """The parameters of the body, read as a form whatever its type says."""
        return _pairs(self.body.decode("utf-8", "replace"))

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the body."""
        return dict(self.form_pairs)

    @property
    def content_type(self) -> str:
        """The media type of the body without its parameters."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Answer:
    """What goes back, and how it travels."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = "whole"

    @classmethod
    def json(cls, content: Any, status: int = 200, **headers: str) -> Self:
        """A JSON answer that no cache keeps."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        common = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
        return cls(status, json.dumps(content).encode(), common | named)

    @classmethod
    def html(cls, text: str, status: int = 200) -> Self:
        """A page."""
        return cls(status, text.encode(), {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Self:
        """Send the caller to another address."""
        return cls(status, b"", {"Location": url, "Cache-Control": "no-store"})


class Listener:
    """Answers on 127.0.0.1, at a port of the system's choice, between start() and stop()."""

    def __init__(self, name: str, answer: Callable[[Request], Answer], host: str = "127.0.0.1") -> None:
        self.name = name
        self.answer = answer
        self.host = host
        self.stopping = threading.Event()
        self.failures: list[BaseException] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        assert self._server is not None, f"The listener {self.name} has not been started."
        return f"http://{self.host}:{self._server.server_port}"

    def start(self) -> Self:
        """Bind the port and serve in a thread."""
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=self.name, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut what is under way, wait for every thread, and report what failed in them."""
        if self._server is None or self._thread is None or self.stopping.is_set():
            return
        self.stopping.set()
        self._server.shutdown()
        self._server.cut_connections()
        self._server.server_close()
        self._thread.join()
        assert not self.failures, f"The listener {self.name} failed: {self.failures!r}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() joins the threads, so that nothing outlives a test
    request_queue_size = 64

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.open_sockets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.open_sockets.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        """Browsers keep idle connections open; without this, joining their threads would wait for them."""
        for connection in self.open_sockets.copy():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        failure = sys.exc_info()[1]
        if failure is not None and not isinstance(failure, ConnectionError | TimeoutError):
            self.listener.failures.append(failure)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = LONGEST_WAIT

    def answer(self) -> None:
        """Read the request, ask what to answer, deliver it."""
        self.deliver(self.server.listener.answer(self.read()))

    def read(self) -> Request:
        """The request with its whole body."""
        target = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("Whoever asked was gone before its request was here.")
        at = self.server.listener.name
        return Request(at, self.command, target.path, _pairs(target.query), self.headers, body)

    def deliver(self, answer: Answer) -> None:
        """Send the answer as it wants to travel; a hang or a drip ends with the server, or after half a minute."""
        if answer.delivery == "hang":
            self.server.listener.stopping.wait(LONGEST_WAIT)
        if answer.delivery in {"hang", "close"}:
            return
        self.send_response(answer.status)
        for name, value in (dict(answer.headers) | {"Content-Length": str(len(answer.body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.drip(answer.body) if answer.delivery == "drip" else self.wfile.write(answer.body)

    def drip(self, body: bytes) -> None:
        """One byte at a time."""
        ends_at = time.monotonic() + LONGEST_WAIT
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.server.listener.stopping.wait(DRIP_EVERY) or time.monotonic() > ends_at:
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Tests read `requests` instead."""


for _method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler.answer)


def repeated(pairs: Pairs) -> list[str]:
    """Names that were given more than once."""
    return [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


def _pairs(text: str) -> Pairs:
    return tuple(parse_qsl(text, keep_blank_values=True))
