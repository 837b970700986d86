"""Many clients at once against a running server, each with one connection, for a while."""

import http
import multiprocessing
import random
import re
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote

from bench.report import Times

CLIENTS, PROCESSES = 16, 2
WARM_SECONDS = 2.0
# Starting its processes, and the last answers, may take so many seconds.
LONGEST_EXTRA = 60
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What 16 clients saw. Answers other than 200 are counted apart and not timed."""

    times: Times
    failures: int
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.times.seconds) / self.seconds

    @property
    def cells(self) -> list[str]:
        """For a table: how many answers, how many a second, their times, how many failures."""
        return [str(len(self.times.seconds)), f"{self.per_second:.0f}", *self.times.cells, str(self.failures)]


@dataclass(frozen=True)
class Request:
    """What clients send. The {} in `path` or `body` is one of `values`, drawn anew each time, or where there are none
    something that was never sent before. With a body, which is JSON, it is a POST.
    """

    path: str
    values: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    def drawn(self, rng: random.Random) -> bytes:
        """One request as it goes over the wire."""
        value = rng.choice(self.values) if self.values else f"{rng.getrandbits(64):016x}"
        headers = {"Host": "127.0.0.1", **self.headers}
        body = b""
        if self.body is not None:
            body = self.body.replace("{}", value).encode()
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        target = self.path.replace("{}", quote(value))
        return f"{'GET' if self.body is None else 'POST'} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def load(port: int, request: Request, *, seconds: float) -> Load:
    """Send such requests with CLIENTS clients for `seconds`. Raises RuntimeError with an answer if none was 200, and
    multiprocessing.TimeoutError if they come to no end.

    The clients are threads of two processes and read no more of HTTP than they need, so that they cost the server
    little of the machine.
    """
    seeds = [random.SystemRandom().getrandbits(64) for _ in range(PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        asked = pool.starmap_async(_clients, [(port, request, seconds, seed) for seed in seeds])
        found = asked.get(timeout=seconds + LONGEST_EXTRA)  # a pool whose processes die waits for ever
    times = [one for timed, _ in found for one in timed]
    if not times:
        raise RuntimeError(f"No answer was 200; one of the others: {_one_answer(port, request)!r}")
    return Load(Times(times), sum(failures for _, failures in found), seconds)


def in_turns(targets: list[tuple[int, Request]], seconds: float, rounds: int) -> list[Load]:
    """Ask each for `seconds`, one after the other, `rounds` times; what each answered in all.

    Each round has connections of its own: which of the server's processes gets how many of them is chance.
    """
    for port, request in targets:
        load(port, request, seconds=WARM_SECONDS)
    seen: list[list[Load]] = [[] for _ in targets]
    for _ in range(rounds):
        for (port, request), loads in zip(targets, seen, strict=True):
            loads.append(load(port, request, seconds=seconds))
    return [
        Load(
            Times([one for each in loads for one in each.times.seconds]),
            sum(each.failures for each in loads),
            sum(each.seconds for each in loads),
        )
        for loads in seen
    ]


def _one_answer(port: int, request: Request) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.drawn(random.Random()))
        return _received(connection)


def _clients(port: int, request: Request, seconds: float, seed: int) -> tuple[list[float], int]:
    """What the clients of one process saw. Raises what one of them raised: fewer clients measure something else."""
    deadline = time.monotonic() + seconds
    count = CLIENTS // PROCESSES
    with ThreadPoolExecutor(count) as pool:
        seen = list(
            pool.map(lambda one: _client(port, request, deadline, random.Random(f"{seed}-{one}")), range(count))
        )
    return [one for timed, _ in seen for one in timed], sum(failures for _, failures in seen)


def _client(port: int, request: Request, deadline: float, rng: random.Random) -> tuple[list[float], int]:
    times, failures = [], 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < deadline:
            wire = request.drawn(rng)
            started = time.perf_counter()
            connection.sendall(wire)
            if _read_answer(connection) == http.HTTPStatus.OK:
                times.append(time.perf_counter() - started)
            else:
                failures += 1
    return times, failures


def _read_answer(connection: socket.socket) -> int:
    """The status of an answer, which is read to its end. Raises RuntimeError for one without a length."""
    head, _, body = _received(connection).partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    if found is None:
        raise RuntimeError(f"An answer without a length: {head!r}")
    length = int(found[1])
    while len(body) < length:
        body += _received(connection)
    return int(head.split(b" ", 2)[1])


def _received(connection: socket.socket) -> bytes:
    if not (received := connection.recv(1 << 16)):
        raise ConnectionError("The server closed the connection.")
    return received
