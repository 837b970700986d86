"""`make bench-webhooks [EVENTS=5000]`: what delivering events costs, beside a bare loop that posts the same bodies.

Ten workspaces with a receiver each, on loopback ports in a process of their own; one of them takes requests and never
answers. The real worker delivers. First all events are written as fast as it goes, then as many again at half the rate
that was reached, each in a transaction of its own. Times are from the end of that transaction to the arrival of the
first request at the receiver.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pull import running
from bench.report import Times, print_machine, print_table, verdict
from bench.workplace import is_inside, measured, run_inside

if TYPE_CHECKING:  # Django is set up only inside
    from webhooks.models import Endpoint

EVENTS, RECEIVERS, AT_ONCE = 5000, 10, 64
LEAST_PER_SECOND, MOST_MS = 200.0, 2000.0
# Of what the worker reached with all events at once.
STEADY_SHARE = 0.5
TOGETHER = 50
# The receivers are on this machine.
SETTINGS = {"OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8"}
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Written:
    """When the transaction of each delivery ended, by its id; those of the receiver that hangs apart."""

    healthy: dict[str, float]
    hanging: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description="What delivering events costs.")
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    if not is_inside():
        sys.exit(run_inside("bench.webhooks", sys.argv[1:], **SETTINGS))
    print_machine(f"make bench-webhooks EVENTS={options.events}")
    measured("migrate", "--verbosity", "0")

    import django

    django.setup()
    from bench import webhooks_beside

    reached = all_at_once(options.events)
    steadily(options.events, reached * STEADY_SHARE)
    webhooks_beside.report()


def all_at_once(events: int) -> float:
    """Deliveries to the healthy receivers per second, of the worker; also prints what a bare loop reaches."""
    with receiving("all-at-once") as (ports, arrived):
        endpoints = made(ports)
        with running(worker()) as process:
            began, used = time.time(), cpu_seconds(process)
            written = write(endpoints, events, together=TOGETHER)
            wait_until_delivered(written.healthy)
            used = cpu_seconds(process) - used
        bare = bare_loop(written.healthy)
    arrivals = arrived()
    took = max(arrivals[each] for each in written.healthy) - began
    per_second = len(written.healthy) / took
    rows = [
        ["a bare loop, the same bodies", f"{bare:.0f}", ""],
        ["the worker", f"{per_second:.0f}", f"{used / len(written.healthy) * 1000:.1f}"],
    ]
    print(f"all at once: {events} events, {len(written.hanging)} of them for the receiver that hangs")
    print_table([f"{AT_ONCE} at once", "deliveries per s", "ms of CPU each"], rows)
    print_waits(written, arrivals)
    print(f"at least {LEAST_PER_SECOND:.0f} per s: {per_second:.0f}, {verdict(per_second >= LEAST_PER_SECOND)}\n")
    return per_second


def steadily(events: int, per_second: float) -> None:
    with receiving("steadily") as (ports, arrived):
        endpoints = made(ports)
        with running(worker()):
            written = write(endpoints, events, per_second=per_second)
            wait_until_delivered(written.healthy)
    print(f"steadily: {events} events, {per_second:.0f} per s")
    waits = print_waits(written, arrived())
    longest = waits.percentile(0.99)
    met = verdict(longest <= MOST_MS)
    print(f"while one hangs, p99 of the others at most {MOST_MS:.0f} ms: {longest:.0f} ms, {met}\n")


def print_waits(written: Written, arrivals: dict[str, float]) -> Times:
    """From the end of the transaction to the first attempt; those of the healthy receivers are returned."""
    everything = {"healthy receivers": written.healthy, "all, as far as attempted": written.healthy | written.hanging}
    waits = {
        name: Times([max(0.0, arrivals[each] - at) for each, at in deliveries.items() if each in arrivals])
        for name, deliveries in everything.items()
    }
    rows = [[name, str(len(times.seconds)), *times.cells] for name, times in waits.items()]
    print_table(["ms from commit to first attempt", "deliveries", "p50", "p95", "p99", "longest"], rows)
    return waits["healthy receivers"]


def made(ports: list[int]) -> "list[Endpoint]":
    """A workspace with an endpoint for each port. Those of before are switched off."""
    from django.utils import timezone

    from organizations.operations import create_organization
    from webhooks.models import Disabled, Endpoint
    from webhooks.signing import new_secret
    from webhooks.switching import disable

    now = timezone.now()
    for endpoint in Endpoint.objects.filter(status="active"):
        disable(endpoint.pk, Disabled.ASKED, now)
    return [
        Endpoint.objects.create(
            organization=create_organization(name=f"Workspace {port}", environment="sandbox"),
            url=f"http://127.0.0.1:{port}/hooks",
            events=["*"],
            secret=new_secret(),
            created_at=now,
            updated_at=now,
        )
        for port in ports
    ]


def write(endpoints: "list[Endpoint]", events: int, *, together: int = 1, per_second: float | None = None) -> Written:
    """Write events for the endpoints in turns, so many in each transaction; as fast as it goes, or at a rate."""
    from django.db import transaction
    from django.utils import timezone

    from webhooks.models import Delivery
    from webhooks.operations import Fact, emit_all

    in_turns, ended, began = cycle(endpoints), dict[str, float](), time.monotonic()
    for first in range(0, events, together):
        if per_second:
            time.sleep(max(0.0, began + first / per_second - time.monotonic()))
        facts = [
            Fact(organization_id=endpoint.organization_id, type="records.sync.completed", object=told(first + number))
            for number, endpoint in enumerate(islice(in_turns, min(together, events - first)))
        ]
        with transaction.atomic():
            written = emit_all(facts, now=timezone.now())
        ended |= dict.fromkeys((event.pk for event in written), time.time())
    healthy, hanging = dict[str, float](), dict[str, float]()
    rows = Delivery.objects.filter(event__in=list(ended)).values_list("pk", "event_id", "endpoint_id")
    for delivery, event, endpoint_id in rows:
        (hanging if endpoint_id == endpoints[0].pk else healthy)[f"EVT_{delivery}"] = ended[event]
    return Written(healthy, hanging)


def told(number: int) -> dict[str, object]:
    return {
        "resource_type": "records_sync",
        "patient_id": f"patient-{number:07}",
        "connection_id": "fhirsrc_0123456789abcdef01234567",
        "total": 1234,
        "errors": 0,
        "duration_ms": 45678,
    }


def wait_until_delivered(ids: dict[str, float]) -> None:
    from webhooks.models import Delivery

    left = Delivery.objects.filter(pk__in=[each.removeprefix("EVT_") for each in ids], delivered_at=None)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left.count()} events are not delivered after {PATIENCE_SECONDS} s.")
        time.sleep(0.5)


def bare_loop(ids: dict[str, float]) -> float:
    """Sign and post the same bodies from as many threads, and keep nothing; so many per second."""
    import requests
    from django.utils import timezone

    from webhooks.models import Delivery
    from webhooks.signing import signature_headers

    rows = Delivery.objects.filter(pk__in=[each.removeprefix("EVT_") for each in ids]).select_related("endpoint")
    posts = [(row.endpoint.url, row.endpoint.secret, row.public_id, row.body.encode()) for row in rows]

    def post(each: tuple[str, str, str, bytes]) -> None:
        url, secret, event_id, body = each
        signed = signature_headers([secret], event_id=event_id, body=body, now=timezone.now())
        requests.post(url, data=body, headers=signed, timeout=5).raise_for_status()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        began = time.monotonic()
        list(pool.map(post, posts))
        return len(posts) / (time.monotonic() - began)


@contextmanager
def receiving(name: str) -> "Iterator[tuple[list[int], Arrived]]":
    """Receivers for as long as the block lasts. After it, one can ask when the first request for each event came."""
    from django.conf import settings

    from tests.ports import free_port

    ports = [free_port() for _ in range(RECEIVERS)]
    file = Path(settings.VAR_DIR) / f"{name}.txt"
    with running([sys.executable, "-m", "bench.webhooks_receivers", str(file), *map(str, ports)]):
        yield ports, Arrived(file)


@dataclass(frozen=True)
class Arrived:
    file: Path

    def __call__(self) -> dict[str, float]:
        first: dict[str, float] = {}
        for line in self.file.read_text().splitlines():
            event, _, at = line.partition(" ")
            first.setdefault(event, float(at))
        return first


def worker() -> list[str]:
    return [sys.executable, "manage.py", "worker", "--deliveries", str(AT_ONCE)]


def cpu_seconds(process: "subprocess.Popen[bytes]") -> float:
    import psutil

    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
