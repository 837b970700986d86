"""What a queue of jobs would do in place of deliveries, and what a claim costs where much is waiting."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django.utils import connector_params

from bench.report import Times, print_table
from organizations.operations import create_organization
from webhooks.claiming import Claim, claim
from webhooks.models import Attempt, Delivery, Endpoint, Outcome
from webhooks.sharing import Slots

JOBS, AT_ONCE = 2000, 32
ENDPOINTS, BACKLOG = 10_000, 100_000
STEPS, WALKS = 100, 10

_ENDPOINTS = """
INSERT INTO webhooks_endpoint (id, organization_id, url, events, description, metadata, status, api_version, secret,
    is_quick, disabled_because, created_at, updated_at)
SELECT '0' || lpad(number::text, 25, '0'), %s, 'https://hooks.example/', '{*}', '', '{}', 'active', '2026-04-25', '',
    true, '', now(), now()
FROM generate_series(1, %s) AS number
"""
_DELIVERIES = """
INSERT INTO webhooks_delivery (id, endpoint_id, type, body, attempts, next_attempt_at, created_at)
SELECT '0' || lpad(number::text, 25, '0'), '0' || lpad(least(number, %s)::text, 25, '0'), 'patient.deleted',
    repeat('x', 900), 0, %s, now()
FROM generate_series(1, %s) AS number
"""


def report() -> None:
    name = f"empty jobs of Procrastinate, {AT_ONCE} at once"
    print_table(["beside them", "per s"], [[name, f"{asyncio.run(empty_jobs()):.0f}"]])
    rows = [
        [f"{BACKLOG:,} due at one endpoint, a step", *backlog_of_one().cells],
        [f"{ENDPOINTS:,} endpoints with something due, a step", *due_at_many().cells],
        [f"{ENDPOINTS:,} endpoints with nothing due yet, a whole walk", *waiting_at_many().cells],
    ]
    print_table(["ms to claim", "p50", "p95", "p99", "longest"], rows)


async def empty_jobs() -> float:
    """How many jobs with nothing in them one worker of the queue gets through in a second."""
    jobs = App(connector=PsycopgConnector(kwargs=connector_params()))

    @jobs.task(queue="bench", name="bench.nothing")
    def nothing() -> None:
        return

    async with jobs.open_async():
        await nothing.batch_defer_async(*[{} for _ in range(JOBS)])
        began = time.monotonic()
        await jobs.run_worker_async(queues=["bench"], concurrency=AT_ONCE, wait=False, install_signal_handlers=False)
        return JOBS / (time.monotonic() - began)


def backlog_of_one() -> Times:
    fill(endpoints=1, deliveries=BACKLOG, due=timezone.now())
    return steps()


def due_at_many() -> Times:
    fill(endpoints=ENDPOINTS, deliveries=ENDPOINTS, due=timezone.now())
    return steps()


def waiting_at_many() -> Times:
    fill(endpoints=ENDPOINTS, deliveries=ENDPOINTS, due=timezone.now() + timedelta(days=1))

    def walk() -> None:
        _, after = claim(Slots(total=AT_ONCE), timezone.now())
        while after:
            _, after = claim(Slots(total=AT_ONCE), timezone.now(), after=after)

    return Times([timed(walk) for _ in range(WALKS)])


def steps() -> Times:
    """Steps of a worker with all slots free; what it claimed has been delivered when it takes the next."""
    seconds, after, claims = list[float](), "", list[Claim]()

    def step() -> None:
        nonlocal after, claims
        claims, after = claim(Slots(total=AT_ONCE), timezone.now(), after=after)

    for _ in range(STEPS):
        seconds.append(timed(step))
        Attempt.objects.filter(pk__in=[each.attempt_id for each in claims]).update(outcome=Outcome.DELIVERED)
        done = Delivery.objects.filter(pk__in=[each.delivery_id for each in claims])
        done.update(claimed_until=None, next_attempt_at=None)
    return Times(seconds)


def fill(*, endpoints: int, deliveries: int, due: datetime) -> None:
    """Deliveries to so many endpoints; what was there before is gone."""
    organization = create_organization(name="Claims", environment="sandbox")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE webhooks_attempt, webhooks_delivery, webhooks_endpoint")
        cursor.execute(_ENDPOINTS, [organization.pk, endpoints])
        cursor.execute(_DELIVERIES, [endpoints, due, deliveries])
        cursor.execute("ANALYZE webhooks_endpoint, webhooks_delivery")
    assert Endpoint.objects.count() == endpoints


def timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
