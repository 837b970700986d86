"""The whole schedule, by a clock that is set: nine attempts, the end of an endpoint, and its way back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
import stripe
import time_machine
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from standardwebhooks import Webhook, WebhookVerificationError

from tests.webhooks.delivering import deliver_what_is_due, is_active
from tests.webhooks.dispatching import delivery_at
from tests.webhooks.receivers import Heard, Receiver
from tests.webhooks.receivers import behaviours as does
from tests.webhooks.writing import tell
from webhooks.endpoints import rotate_secret
from webhooks.models import Delivery, Disabled, Endpoint, Outcome
from webhooks.redelivery import redeliver, replay
from webhooks.switching import TELL, revive

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
INSTANT, SECOND, MINUTE = timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# As the contract has it (§9), in words of its own.
WAITS = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR, DAY, DAY, DAY]
SPREAD = 1.05
TOLERANCE_SECONDS = 300


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Closes every connection at once, until it is told to behave."""
    with Receiver(does.closes_at_once) as receiver:
        yield receiver


@pytest.fixture
def delivery(clock, organization, receiver) -> Delivery:
    return delivery_at(organization, url=receiver.url)


def next_of(delivery: Delivery) -> datetime | None:
    delivery.refresh_from_db()
    return delivery.next_attempt_at


def go_to_the_next(clock: Any, delivery: Delivery) -> datetime:
    """Not a moment earlier is anything sent."""
    at = next_of(delivery)
    assert at
    clock.move_to(at - INSTANT)
    assert deliver_what_is_due() == 0
    clock.move_to(at)
    return at


def fail_until_the_end(clock: Any, delivery: Delivery) -> list[datetime]:
    """When it was tried."""
    made = []
    while next_of(delivery):
        made.append(go_to_the_next(clock, delivery))
        assert deliver_what_is_due() == 1
    return made


def test_nine_attempts_at_the_times_of_the_contract_and_then_the_endpoint_is_disabled(clock, delivery, receiver):
    made = fail_until_the_end(clock, delivery)

    assert made[0] == START
    waits = [later - earlier for earlier, later in pairwise(made)]
    assert len(waits) == len(WAITS)
    assert all(planned <= wait <= planned * SPREAD for planned, wait in zip(WAITS, waits, strict=True)), waits
    assert receiver.connections == 9
    assert [each.started_at for each in delivery.tries.order_by("pk")] == made
    assert {each.outcome for each in delivery.tries.all()} == {Outcome.FAILED}
    assert (delivery.attempts, delivery.delivered_at, delivery.claimed_until) == (9, None, None)
    endpoint = Endpoint.objects.get()
    assert (endpoint.status, endpoint.disabled_because) == ("disabled", Disabled.FAILED)
    assert (endpoint.failing_since, endpoint.disabled_at) == (START, made[-1])


def test_the_workspace_is_told_of_the_end_once(clock, delivery):
    told = ProcrastinateJob.objects.filter(task_name=TELL, args={"endpoint_id": delivery.endpoint_id})

    while delivery.attempts < 9:
        assert not told.exists()
        go_to_the_next(clock, delivery)
        deliver_what_is_due()
        delivery.refresh_from_db()

    assert told.count() == 1


def test_what_happens_after_the_end_is_held_until_it_is_asked_for(clock, delivery, receiver, organization):
    clock.shift(4 * DAY)
    tell(organization, 1)  # fails, and waits for its second attempt when the first event's attempts are used up
    Delivery.objects.filter(pk=delivery.pk).update(failures=8)
    assert deliver_what_is_due() == 2
    clock.shift(HOUR)
    tell(organization, 2)
    endpoint = Endpoint.objects.get()
    clock.shift(14 * DAY)

    assert not is_active(endpoint)
    assert deliver_what_is_due() == 0
    receiver.behave = does.answers()
    revive(endpoint.pk, timezone.now())
    tell(organization, 3)
    assert deliver_what_is_due() == 1
    assert [numbered(heard) for heard in receiver.heard] == [3]
    clock.shift(14 * DAY)
    assert deliver_what_is_due() == 0


def numbered(heard: Heard) -> int:
    number: int = heard.content["data"]["object"]["number"]
    return number


def test_a_replay_brings_it_all_under_the_ids_that_it_had(clock, delivery, receiver, organization):
    fail_until_the_end(clock, delivery)
    for number in range(1, 40):
        tell(organization, number)
    receiver.behave = does.answers()
    endpoint = Endpoint.objects.get()
    ids = {each.public_id for each in endpoint.deliveries.all()}
    revive(endpoint.pk, timezone.now())

    asked = replay(endpoint, since=START, until=timezone.now(), include_delivered=False, now=timezone.now())

    assert asked == len(ids) == 40
    assert 0 < deliver_what_is_due() < 40  # a receiver that is just back is not overrun
    for _ in range(10):
        clock.shift(SECOND)
        deliver_what_is_due()
    assert {heard.id for heard in receiver.heard} == ids
    assert [numbered(heard) for heard in receiver.heard][:1] == [0]
    assert sorted(numbered(heard) for heard in receiver.heard) == list(range(40))
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.next_attempt_at) == (10, None)
    assert Endpoint.objects.get().failing_since is None
    assert not Delivery.objects.filter(delivered_at=None).exists()


def test_a_tenth_attempt_by_hand_begins_a_new_row_of_nine(clock, delivery):
    fail_until_the_end(clock, delivery)
    revive(delivery.endpoint_id, timezone.now())

    redeliver(delivery, timezone.now())
    assert deliver_what_is_due() == 1

    assert next_of(delivery) - timezone.now() < 2 * MINUTE
    assert delivery.attempts == 10
    assert is_active(delivery.endpoint)
    fail_until_the_end(clock, delivery)
    assert delivery.attempts == 18
    assert not is_active(delivery.endpoint)


def test_a_receiver_that_comes_back_has_a_clean_slate(clock, delivery, receiver, organization):
    for _ in range(5):
        go_to_the_next(clock, delivery)
        deliver_what_is_due()
    receiver.behave = does.answers()
    go_to_the_next(clock, delivery)
    deliver_what_is_due()

    assert next_of(delivery) is None
    assert (delivery.attempts, delivery.delivered_at) == (6, timezone.now())
    assert Endpoint.objects.get().failing_since is None
    receiver.behave = does.closes_at_once
    tell(organization)
    deliver_what_is_due()
    assert Endpoint.objects.get().failing_since == timezone.now()


def test_a_410_ends_it_at_any_attempt(clock, delivery, receiver):
    for _ in range(2):
        go_to_the_next(clock, delivery)
        deliver_what_is_due()
    receiver.behave = does.answers(410)
    go_to_the_next(clock, delivery)
    deliver_what_is_due()

    assert next_of(delivery) is None
    assert delivery.attempts == 3
    assert not is_active(delivery.endpoint)
    assert delivery.endpoint.disabled_because == Disabled.GONE


ASKED = {
    "an hour": ("3600", HOUR),
    "a date": (format_datetime(START + HOUR, usegmt=True), HOUR),
    "ten days": (str(10 * 24 * 3600), DAY),
    "a date in a thousand years": ("Fri, 31 Dec 3026 23:59:59 GMT", DAY),
    "nothing": ("0", MINUTE),
    "less than planned": ("5", MINUTE),
    "a date that is over": ("Wed, 21 Oct 2015 07:28:00 GMT", MINUTE),
    "less than nothing": ("-3600", MINUTE),
    "more than can be counted": ("9" * 400, MINUTE),
    "a fraction": ("3600.5", MINUTE),
    "other digits": ("٣٦٠٠", MINUTE),
    "no date": ("Fri, 99 Foo 2026 99:99:99 GMT", MINUTE),
    "nonsense": ("soon", MINUTE),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("header", "wait"), ASKED.values(), ids=ASKED)
def test_a_receiver_may_ask_for_time_within_bounds(clock, delivery, receiver, status, header, wait):
    receiver.behave = does.says(f"HTTP/1.1 {status} Wait\r\nRetry-After: {header}\r\n\r\n".encode())

    deliver_what_is_due()

    assert wait <= next_of(delivery) - START <= max(wait, MINUTE * SPREAD)


def test_whoever_asks_for_time_again_and_again_still_has_nine_attempts(clock, delivery, receiver):
    receiver.behave = does.answers(503, Retry_After="86400")

    made = fail_until_the_end(clock, delivery)

    waits = [later - earlier for earlier, later in pairwise(made)]
    assert len(made) == 9
    assert all(DAY <= wait <= DAY * SPREAD for wait in waits)
    assert not is_active(delivery.endpoint)


def verified_by_stripe(heard: Heard, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(
            heard.body.decode(), heard.headers["medblocks-signature"], secret, TOLERANCE_SECONDS
        )
    except stripe.SignatureVerificationError:
        return False
    return True


def verified_by_the_standard(heard: Heard, secret: str) -> bool:
    try:
        Webhook(secret).verify(heard.body, heard.headers)
    except WebhookVerificationError:
        return False
    return True


def is_verified(heard: Heard, secret: str) -> bool:
    """By both or by neither: verifiers that we did not write."""
    ours, standard = verified_by_stripe(heard, secret), verified_by_the_standard(heard, secret)
    assert ours == standard
    return ours


def test_every_attempt_has_a_fresh_signature_on_the_same_bytes(clock, delivery, receiver):
    receiver.behave = does.answers(500)
    while next_of(delivery):
        go_to_the_next(clock, delivery)
        deliver_what_is_due()
        assert is_verified(receiver.heard[-1], delivery.endpoint.secret)

    assert len(receiver.heard) == 9
    assert len({(heard.id, heard.body) for heard in receiver.heard}) == 1
    assert len({heard.headers["webhook-timestamp"] for heard in receiver.heard}) == 9
    assert not any(is_verified(heard, delivery.endpoint.secret) for heard in receiver.heard[:-1])  # too old by now


@pytest.mark.parametrize(
    ("overlap", "later", "old_is_good"),
    [(HOUR, HOUR - SECOND, True), (HOUR, HOUR, False), (timedelta(0), timedelta(0), False), (DAY, DAY - SECOND, True)],
)
def test_while_secrets_overlap_either_verifies(clock, organization, receiver, overlap, later, old_is_good):
    receiver.behave = does.answers()
    endpoint = delivery_at(organization, url=receiver.url).endpoint
    old = endpoint.secret
    new = rotate_secret(endpoint, overlap=overlap, now=timezone.now()).secret

    clock.shift(later)
    deliver_what_is_due()

    [heard] = receiver.heard
    assert is_verified(heard, new)
    assert is_verified(heard, old) == old_is_good
