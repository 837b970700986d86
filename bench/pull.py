"""`make bench-pull [RESOURCES=100000]`: what pulling a large record costs, beside a bare `requests` loop.

Serves a record from a process of its own, starts the real worker, requests a pull and waits for its end: HTTP through
the guard, PostgreSQL, and everything between. The bare loop asks for the same pages in the same run, reads the JSON and
follows the links, and keeps nothing.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import print_machine, print_table, verdict
from bench.workplace import ROOT, is_inside, measured, run_inside

if TYPE_CHECKING:  # Django is set up only inside
    from patients.models import Connection
    from records.models import Pull, PullKind

RESOURCES = 100_000
# What a FHIR server with a database takes for a hundred resources, at its best; 0 is one that has them at hand.
PAGE_MS = 30
ROUNDS = 2
LEAST_SHARE, MOST_MB, MOST_OF_FIRST = 0.7, 200.0, 0.4
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Measured:
    """One pull: `wrote` counts the rows of records that it inserted or updated."""

    name: str
    seconds: float
    received: int
    wrote: int
    database_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description="What pulling a large record costs.")
    parser.add_argument("--resources", type=int, default=RESOURCES)
    parser.add_argument("--page-ms", type=int, default=PAGE_MS, help="how long the server thinks about each page")
    options = parser.parse_args()
    if not is_inside():
        sys.exit(run_inside("bench.pull", sys.argv[1:]))
    print_machine(f"make bench-pull RESOURCES={options.resources} PAGE_MS={options.page_ms}")
    measured("migrate", "--verbosity", "0")

    import django

    django.setup()
    from records.models import PullKind
    from tests.ports import free_port

    port = free_port()
    server = [sys.executable, "-m", "bench.fhir_server", str(port), str(options.resources), str(options.page_ms)]
    with running(server):
        bare = best_of_bare(port)
        connection = connected(port)
        with running([sys.executable, "manage.py", "worker"]) as worker:
            pulls = [
                pulled("first", connection, PullKind.FIRST),
                pulled("second, of everything", connection, PullKind.MANUAL),
                pulled("third, of changes", connection, PullKind.SCHEDULED),
            ]
            report(bare, pulls, peak_mb(worker))


def report(bare: tuple[float, int], pulls: list[Measured], peak: float) -> None:
    seconds, count = bare
    first = pulls[0]
    rows = [["a bare loop", f"{seconds:.1f}", f"{count / seconds:.0f}", "", "", ""]]
    rows += [
        [
            pull.name,
            f"{pull.seconds:.1f}",
            f"{pull.received / pull.seconds:.0f}",
            f"{pull.database_seconds:.1f}",
            str(pull.wrote),
            f"{pull.seconds / first.seconds:.0%}",
        ]
        for pull in pulls
    ]
    print_table(["pull", "seconds", "resources per s", "s in the database", "records written", "of the first"], rows)
    share = (first.received / first.seconds) / (count / seconds)
    print(f"at least {LEAST_SHARE:.0%} of the bare loop: {share:.0%}, {verdict(share >= LEAST_SHARE)}")
    print(f"at most {MOST_MB:.0f} MB: {peak:.0f} MB in the worker, {verdict(peak <= MOST_MB)}")
    for pull in pulls[1:]:
        met = pull.seconds <= MOST_OF_FIRST * first.seconds and not pull.wrote
        print(f"{pull.name}: at most {MOST_OF_FIRST:.0%} of the first, nothing written: {verdict(met)}")


def best_of_bare(port: int) -> tuple[float, int]:
    """The shortest of a few rounds, in seconds, and how many resources came."""
    rounds = [bare_loop(port) for _ in range(ROUNDS)]
    return min(rounds)


def bare_loop(port: int) -> tuple[float, int]:
    import requests

    from bench.fhir_server import PATIENT, TOKEN

    count, url = 0, f"http://127.0.0.1:{port}/fhir/Observation?patient={PATIENT}"
    started = time.monotonic()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        while url:
            bundle = session.get(url, timeout=30).json()
            count += len(bundle["entry"])
            url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), "")
    return time.monotonic() - started, count


def connected(port: int) -> "Connection":
    """A patient with access to the server, as a sign-in would have left it."""
    from datetime import timedelta

    from django.utils import timezone

    from bench.fhir_server import PATIENT, TOKEN
    from organizations.operations import create_organization
    from patients.models import Connection, Patient
    from sources.operations import NewClient, add_source

    organization = create_organization(name="Bench", environment="sandbox")
    source = add_source(
        name="Bench",
        fhir_base_url=f"http://127.0.0.1:{port}/fhir",
        environment="sandbox",
        client=NewClient(client_id="bench"),
    )
    now = timezone.now()
    return Connection.objects.create(
        patient=Patient.objects.create(organization=organization, reference="bench"),
        source=source,
        flow_id="0" * 26,
        status="active",
        scopes=["patient/*.rs"],
        access_token=TOKEN,
        access_obtained_at=now,
        access_expires_at=now + timedelta(days=1),
        fhir_patient_id=PATIENT,
    )


def pulled(name: str, connection: "Connection", kind: "PullKind") -> Measured:
    """Request a pull, and wait for the worker to end it."""
    from django.utils import timezone

    from patients.holding import holding
    from records.operations import request_pull

    before, busy = int(asked("SELECT pg_current_xact_id()::text::bigint")), database_seconds()
    with holding(connection.patient_id):
        pull = request_pull(connection, kind, timezone.now())
    pull = ended(pull)
    time.sleep(3)  # PostgreSQL's own counts come late
    return Measured(
        name=name,
        seconds=(pull.ended_at - pull.requested_at).total_seconds() if pull.ended_at else 0.0,
        received=pull.received,
        wrote=int(asked(f"SELECT count(*) FROM records_record WHERE xmin::text::bigint >= {before}")),  # noqa: S608
        database_seconds=database_seconds() - busy,
    )


def ended(pull: "Pull") -> "Pull":
    """The pull at its end. Raises RuntimeError where it takes too long or comes to nothing."""
    from records.models import Pull, PullStatus

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        pull = Pull.objects.get(pk=pull.pk)
        if pull.status == PullStatus.COMPLETED:
            return pull
        if not pull.is_open:
            break
        time.sleep(0.2)
    raise RuntimeError(f"The pull is {pull.status} after {PATIENCE_SECONDS} s: {pull.problem}")


def database_seconds() -> float:
    return asked("SELECT active_time / 1000 FROM pg_stat_database WHERE datname = current_database()")


def asked(statement: str) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(statement)
        [value] = cursor.fetchone()
    return float(value)


@contextmanager
def running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for as long as the block lasts, given a moment to start."""
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603  our own
    try:
        time.sleep(5)
        if process.poll() is not None:
            raise RuntimeError(f"{command} ended with status {process.returncode}")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def peak_mb(process: "subprocess.Popen[bytes]") -> float:
    """The most memory that a process has had resident."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
