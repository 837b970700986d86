"""Many clients at once against a running server, each with one connection, for a while."""

import http.client
import multiprocessing
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from bench.report import Times

CLIENTS, PROCESSES = 16, 2


@dataclass(frozen=True)
class Load:
    """What 16 clients saw. Answers other than 200 are counted apart and not timed."""

    times: Times
    failures: int
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.times.seconds) / self.seconds


@dataclass
class _Seen:
    seconds: list[float] = field(default_factory=list)
    failures: int = 0


def load(port: int, path: str, queries: Sequence[str], *, headers: dict[str, str], seconds: float) -> Load:
    """Ask for `path`, whose {} is a query of these, drawn anew each time, with CLIENTS clients for `seconds`.

    The clients are threads of two processes, so that they cost the server little of the machine.
    """
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        tasks = [(port, path, list(queries), headers, seconds, seed) for seed in range(PROCESSES)]
        found = pool.starmap(_clients, tasks)
    times = [one for timed, _ in found for one in timed]
    if not times:
        raise RuntimeError(
            f"No answer was 200 at {path}; one of the others: {_one_answer(port, path, queries, headers)}"
        )
    return Load(Times(times), sum(failures for _, failures in found), seconds)


def _one_answer(port: int, path: str, queries: Sequence[str], headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path.format(quote(queries[0])), headers=headers)
    answer = connection.getresponse()
    return f"{answer.status} {answer.read(500)!r}"


def _clients(
    port: int, path: str, queries: list[str], headers: dict[str, str], seconds: float, seed: int
) -> tuple[list[float], int]:
    seen = _Seen()
    deadline = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=_client, args=(port, path, queries, headers, deadline, random.Random(f"{seed}-{one}"), seen)
        )
        for one in range(CLIENTS // PROCESSES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen.seconds, seen.failures


def _client(
    port: int,
    path: str,
    queries: list[str],
    headers: dict[str, str],
    deadline: float,
    rng: random.Random,
    seen: _Seen,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < deadline:
        target = path.format(quote(rng.choice(queries)))
        started = time.perf_counter()
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == http.client.OK:
            seen.seconds.append(time.perf_counter() - started)
        else:
            seen.failures += 1
    connection.close()
