"""The parts of what a worker does, one by one, and the whole of it in a thread of a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread
from time import sleep

from django.db import connection, transaction
from django.utils import timezone

from common.stopping import stopping
from organizations.models import Organization
from tests.webhooks.endpoints import new_endpoint
from webhooks.claiming import Busy, Claim, claim
from webhooks.dispatcher import Dispatcher
from webhooks.models import Delivery, Endpoint
from webhooks.operations import emit
from webhooks.outcomes import Ended, note
from webhooks.sending import Answer
from webhooks.sharing import Slots

AT_ONCE = 32
LONGEST_SECONDS = 30


def told_of(endpoint: Endpoint, count: int = 1, *, now: datetime | None = None) -> list[Delivery]:
    """So many new deliveries to an endpoint, oldest first. Its workspace's other endpoints are told as well."""
    before = set(endpoint.deliveries.values_list("pk", flat=True))
    with transaction.atomic():
        for number in range(count):
            emit(endpoint.organization_id, "patient.deleted", {"number": number}, now=now or timezone.now())
    return list(endpoint.deliveries.exclude(pk__in=before).order_by("pk"))


def delivery_at(organization: Organization, **fields) -> Delivery:
    """One that is due, at an endpoint of its own."""
    return told_of(new_endpoint(organization, **fields))[0]


def claimed(now: datetime | None = None, *, at_once: int = AT_ONCE) -> list[Claim]:
    """What a worker claims that has all its slots free."""
    while True:
        with suppress(Busy):
            return claim(Slots(total=at_once), now or timezone.now())[0]
        sleep(0.005)


def comes_to(each: Claim, status: int | None = 200, *, now: datetime | None = None, **answer) -> None:
    """The receiver answered with this status, or not at all."""
    now = now or timezone.now()
    assert note([Ended(each, Answer(status=status, **answer), now)], now) == []


def refreshed(row):
    row.refresh_from_db()
    return row


@contextmanager
def beside(act: Callable[[], None]) -> Iterator[None]:
    """Something goes on in a thread of its own meanwhile. What it raises is raised at the end of the block."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as problem:  # noqa: BLE001  raised below
            problems.append(problem)
        finally:
            connection.close()

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(LONGEST_SECONDS)
    assert not thread.is_alive()
    if problems:
        raise problems[0]


@contextmanager
def locked(rows) -> Iterator[None]:
    """Somebody else has these rows locked, for as long as the block lasts."""
    has_them, may_end = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            list(rows.select_for_update())
            has_them.set()
            assert may_end.wait(LONGEST_SECONDS)

    with beside(hold):
        try:
            assert has_them.wait(LONGEST_SECONDS)
            yield
        finally:
            may_end.set()


@contextmanager
def dispatching(at_once: int = AT_ONCE) -> Iterator[Dispatcher]:
    """A dispatcher is at work. At the end of the block it stops as a worker does."""
    dispatcher = Dispatcher(at_once)
    try:
        with beside(dispatcher.run):
            try:
                yield dispatcher
            finally:
                stopping.set()
                dispatcher.wake()
    finally:
        stopping.clear()
