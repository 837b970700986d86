"""Endpoints are switched off and on, however much is due to them and whoever is at it."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.webhooks.dispatching import beside, claimed, comes_to, locked, refreshed, told_of
from tests.webhooks.endpoints import due_to, new_endpoint
from webhooks import switching
from webhooks.claiming import CLAIM
from webhooks.models import Delivery, Disabled, Endpoint, Outcome
from webhooks.operations import emit
from webhooks.switching import HOLD_REST, disable, give_up_lost, hold_strays, revive
from webhooks.tasks import find_lost_attempts, hold_rest


@pytest.fixture
def endpoint(organization) -> Endpoint:
    return new_endpoint(organization)


@pytest.fixture
def backlog(endpoint, monkeypatch) -> list[Delivery]:
    """More than is held at once."""
    monkeypatch.setattr(switching, "HELD_AT_ONCE", 3)
    return told_of(endpoint, 8)


def jobs() -> list[dict]:
    return [job.args for job in ProcrastinateJob.objects.filter(task_name=HOLD_REST)]


def disabled(endpoint: Endpoint) -> None:
    assert disable(endpoint.pk, Disabled.ASKED, timezone.now())


def test_of_a_long_backlog_the_oldest_are_held_at_once_and_the_rest_by_a_job(endpoint, backlog):
    disabled(endpoint)
    assert (due_to(endpoint), jobs()) == (backlog[3:], [{"endpoint_id": endpoint.pk}])

    hold_rest(endpoint.pk)
    assert due_to(endpoint) == []


def test_a_short_one_needs_no_job(endpoint):
    told_of(endpoint, 8)
    disabled(endpoint)
    assert (due_to(endpoint), jobs()) == ([], [])


def test_what_is_not_held_yet_is_not_sent_either(endpoint, backlog):
    disabled(endpoint)
    assert claimed() == []


def test_a_revival_holds_what_is_left(endpoint, backlog):
    disabled(endpoint)
    revive(endpoint.pk, timezone.now())
    assert due_to(endpoint) == []


def test_a_job_that_comes_after_the_revival_holds_nothing(endpoint, backlog):
    disabled(endpoint)
    revive(endpoint.pk, timezone.now())
    new = told_of(endpoint)

    hold_rest(endpoint.pk)

    assert due_to(endpoint) == new


def test_a_job_that_comes_after_the_deletion_holds_nothing(db):
    hold_rest("01J00000000000000000000000")


@pytest.mark.django_db(transaction=True)
def test_disabling_waits_for_nobody_who_is_at_its_deliveries(endpoint):
    first, _ = told_of(endpoint, 2)

    with locked(Delivery.objects.filter(pk=first.pk)):
        disabled(endpoint)
        assert (due_to(endpoint), jobs()) == ([first], [{"endpoint_id": endpoint.pk}])

    hold_rest(endpoint.pk)
    assert due_to(endpoint) == []


@pytest.mark.django_db(transaction=True)
def test_an_event_that_was_being_written_meanwhile_is_held_soon(endpoint):
    written, may_end = threading.Event(), threading.Event()

    def tell_slowly() -> None:
        with transaction.atomic():
            emit(endpoint.organization_id, "patient.deleted", {"number": 1}, now=timezone.now())
            written.set()
            assert may_end.wait(30)

    with beside(tell_slowly):
        assert written.wait(30)
        disable(endpoint.pk, Disabled.ASKED, timezone.now())
        may_end.set()

    assert hold_strays() == 1
    assert endpoint.deliveries.get().next_attempt_at is None
    assert hold_strays() == 0


def test_what_is_due_at_active_ones_is_not_held(endpoint):
    [delivery] = told_of(endpoint)

    assert hold_strays() == 0
    assert refreshed(delivery).next_attempt_at is not None


# Attempts whose workers died


def test_an_attempt_that_nobody_will_make_again_becomes_unknown(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    claimed(now)
    disabled(endpoint)

    give_up_lost(now + CLAIM - timedelta(seconds=1))
    assert delivery.tries.get().outcome == Outcome.OPEN

    assert give_up_lost(now + CLAIM) == 1
    assert (delivery.tries.get().outcome, refreshed(delivery).claimed_until) == (Outcome.UNKNOWN, None)
    assert refreshed(delivery).attempts == 0


def test_so_it_does_if_the_endpoint_was_revived_meanwhile(endpoint):
    long_ago = timezone.now() - timedelta(days=2)
    [delivery] = told_of(endpoint, now=long_ago)
    claimed(long_ago)
    disabled(endpoint)
    revive(endpoint.pk, timezone.now())

    find_lost_attempts(0)

    assert delivery.tries.get().outcome == Outcome.UNKNOWN


def test_what_will_be_claimed_again_is_left_to_that(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    claimed(now)

    assert give_up_lost(now + CLAIM) == 0
    [again] = claimed(now + CLAIM)
    comes_to(again, 200, now=now + CLAIM)

    assert [each.outcome for each in delivery.tries.order_by("pk")] == [Outcome.UNKNOWN, Outcome.DELIVERED]
