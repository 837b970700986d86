"""What came of an attempt is noted with its delivery and its endpoint, whatever else happens to them meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import cycle

import pytest
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.eventually import eventually
from tests.webhooks.dispatching import beside, claimed, comes_to, delivery_at, locked, refreshed, told_of
from tests.webhooks.endpoints import new_endpoint
from webhooks.claiming import CLAIM
from webhooks.forgetting import forget_endpoint
from webhooks.models import Attempt, Delivery, Disabled, Endpoint, Outcome
from webhooks.outcomes import Ended, note
from webhooks.redelivery import redeliver, replay, send_test
from webhooks.schedule import ATTEMPTS, JITTER, WAITS, WHOLE_SCHEDULE
from webhooks.sending import Answer
from webhooks.switching import TELL, disable, revive

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def endpoint(organization) -> Endpoint:
    return new_endpoint(organization)


def failed_before(delivery: Delivery, times: int) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(attempts=times, failures=times)
    return refreshed(delivery)


def test_a_delivery_that_succeeded_is_done(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    [taken] = claimed(now)

    comes_to(taken, 204, now=now, text="thanks", duration=timedelta(milliseconds=250))

    refreshed(delivery)
    assert (delivery.attempts, delivery.delivered_at, delivery.next_attempt_at) == (1, now, None)
    assert (delivery.claimed_until, delivery.last_status_code, delivery.last_response_body) == (None, 204, "thanks")
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status_code, attempt.response_body) == (Outcome.DELIVERED, 204, "thanks")
    assert (attempt.duration_ms, attempt.problem) == (250, "")


def test_a_delivery_that_failed_is_tried_again(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    [taken] = claimed(now)

    comes_to(taken, 500, now=now, problem="The receiver answered with status 500.", text="oh")

    refreshed(delivery)
    assert (delivery.attempts, delivery.delivered_at, delivery.claimed_until) == (1, None, None)
    assert MINUTE <= delivery.next_attempt_at - now <= MINUTE * (1 + JITTER)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.problem) == (Outcome.FAILED, "The receiver answered with status 500.")


def test_without_an_answer_there_is_no_status_and_nothing_that_was_said(endpoint):
    [delivery] = told_of(endpoint)
    Delivery.objects.update(last_status_code=500, last_response_body="before")
    [taken] = claimed()

    comes_to(taken, None, problem="It took too long.")

    refreshed(delivery)
    assert (delivery.last_status_code, delivery.last_response_body) == (None, None)


def test_each_wait_of_the_schedule_has_its_turn_and_after_the_ninth_attempt_the_endpoint_is_disabled(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    waits = []

    for _ in range(ATTEMPTS):
        [taken] = claimed(now)
        comes_to(taken, 503, now=now)
        if refreshed(delivery).next_attempt_at:
            waits.append(delivery.next_attempt_at - now)
            now = delivery.next_attempt_at

    assert len(waits) == len(WAITS)
    assert all(wait <= waited <= wait * (1 + JITTER) for wait, waited in zip(WAITS, waits, strict=True))
    assert (delivery.attempts, delivery.next_attempt_at) == (9, None)
    refreshed(endpoint)
    assert (endpoint.status, endpoint.disabled_because, endpoint.disabled_at) == ("disabled", Disabled.FAILED, now)
    assert ProcrastinateJob.objects.filter(task_name=TELL, args={"endpoint_id": endpoint.pk}).count() == 1


def test_disabling_holds_what_else_was_on_its_way(endpoint):
    first, *others = told_of(endpoint, 4)
    failed_before(first, 8)
    [taken] = claimed(at_once=1)

    comes_to(taken, 500)

    assert taken.delivery_id == first.pk
    assert [refreshed(other).next_attempt_at for other in others] == [None] * 3
    assert claimed() == []


def test_a_receiver_that_is_gone_is_sent_nothing_more_at_once(endpoint):
    delivery, other = told_of(endpoint, 2)
    [taken] = claimed(at_once=1)

    comes_to(taken, 410)

    assert refreshed(endpoint).disabled_because == Disabled.GONE
    assert [refreshed(each).next_attempt_at for each in (delivery, other)] == [None, None]
    assert delivery.attempts == 1


def test_a_redelivery_begins_a_new_row_of_attempts(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    failed_before(delivery, 8)
    redeliver(delivery, now)
    [taken] = claimed(now)

    comes_to(taken, 500, now=now)

    assert (refreshed(delivery).attempts, delivery.failures) == (9, 1)
    assert MINUTE <= delivery.next_attempt_at - now <= MINUTE * (1 + JITTER)
    assert refreshed(endpoint).is_active


def test_one_that_is_asked_for_during_an_attempt_does_not_count_that_attempt(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    failed_before(delivery, 5)
    [taken] = claimed(now)
    redeliver(delivery, now)

    comes_to(taken, 500, now=now)

    assert (refreshed(delivery).attempts, delivery.failures, delivery.next_attempt_at) == (6, 0, now)


def test_what_is_asked_for_during_its_ninth_attempt_is_not_the_end_of_the_endpoint(endpoint):
    first, *_ = told_of(endpoint, 3)
    now = timezone.now()
    failed_before(first, 8)
    [taken] = claimed(now, at_once=1)
    assert replay(endpoint, since=now - DAY, until=now, include_delivered=False, now=now) == 3

    comes_to(taken, 500, now=now)

    assert refreshed(endpoint).is_active
    assert endpoint.deliveries.filter(next_attempt_at__isnull=False, failures=0).count() == 3


def test_who_gets_more_than_it_fails_at_is_disabled_after_the_time_of_nine_attempts(endpoint):
    told_of(endpoint, 2)
    now = timezone.now() + timedelta(hours=2)
    Endpoint.objects.update(failing_since=now - WHOLE_SCHEDULE - MINUTE)
    [taken] = claimed(now)

    comes_to(taken, 500, now=now)

    assert refreshed(endpoint).disabled_because == Disabled.FAILED
    assert not endpoint.deliveries.filter(next_attempt_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("failing_for", "waiting_for", "status"),
    [
        pytest.param(WHOLE_SCHEDULE - MINUTE, timedelta(hours=2), 500, id="not for so long"),
        pytest.param(WHOLE_SCHEDULE + MINUTE, timedelta(minutes=59), 500, id="nothing waits: it was asked to wait"),
        pytest.param(WHOLE_SCHEDULE + MINUTE, timedelta(hours=2), 200, id="it takes an event"),
    ],
)
def test_others_are_tried_on(endpoint, failing_for, waiting_for, status):
    told_of(endpoint, 2)
    now = timezone.now() + waiting_for
    Endpoint.objects.update(failing_since=now - failing_for)
    [taken] = claimed(now)

    comes_to(taken, status, now=now)

    assert refreshed(endpoint).is_active


def test_success_ends_the_row_of_failures(endpoint):
    [delivery] = told_of(endpoint)
    failed_before(delivery, 8)
    [taken] = claimed()

    comes_to(taken, 200)

    assert (refreshed(delivery).attempts, delivery.failures, delivery.last_problem) == (9, 0, "")


@pytest.mark.parametrize(("status", "because"), [(500, ""), (410, Disabled.GONE)])
def test_a_test_is_tried_once_and_disables_only_who_is_gone(endpoint, status, because):
    delivery = send_test(endpoint, "patient.deleted", timezone.now())
    failed_before(delivery, 8)
    [taken] = claimed()

    comes_to(taken, status, problem="It would not.")

    assert (refreshed(delivery).next_attempt_at, delivery.last_problem) == (None, "It would not.")
    assert (refreshed(endpoint).disabled_because, endpoint.failing_since) == (because, None)


@pytest.mark.parametrize("status", [410, 500])
def test_what_an_address_answers_that_was_replaced_meanwhile_says_nothing_of_the_new_one(endpoint, status):
    first, second = told_of(endpoint, 2)
    failed_before(first, 8)
    failed_before(second, 3)
    now = timezone.now()
    taken = claimed(now)
    Endpoint.objects.update(url="https://new.example/in")

    for each in taken:
        comes_to(each, status, now=now, duration=timedelta(seconds=4))

    assert (refreshed(endpoint).is_active, endpoint.failing_since, endpoint.is_quick) == (True, None, True)
    assert (refreshed(first).next_attempt_at, first.failures, first.attempts) == (now, 8, 9)
    assert (refreshed(second).next_attempt_at, second.failures, second.attempts) == (now, 3, 4)


def test_nor_does_one_that_was_replaced_end_the_failing_of_the_new_one(endpoint):
    told_of(endpoint)
    [taken], now = claimed(), timezone.now()
    Endpoint.objects.update(url="https://new.example/in", failing_since=now)

    comes_to(taken, 200)

    assert refreshed(endpoint).failing_since == now


@pytest.mark.parametrize("status", [410, 500])
def test_what_began_before_a_revival_does_not_undo_it(endpoint, status):
    for each in told_of(endpoint, 2):
        failed_before(each, 8)
    now = timezone.now()
    one, other = claimed(now)
    comes_to(one, status)
    assert revive(endpoint.pk, now + timedelta(seconds=1))

    comes_to(other, status)

    assert (refreshed(endpoint).is_active, endpoint.failing_since) == (True, None)
    [_] = told_of(endpoint, now=now + timedelta(seconds=1))
    comes_to(claimed(now + timedelta(seconds=1))[0], 410)
    assert not refreshed(endpoint).is_active


def test_an_endpoint_is_quick_if_its_last_attempt_took_less_than_a_second(endpoint):
    told_of(endpoint, 4)
    came = []

    for each, seconds in zip(claimed(), (0.9, 4.5, 1, 0.2), strict=True):
        comes_to(each, 200, duration=timedelta(seconds=seconds))
        came.append(refreshed(endpoint).is_quick)

    assert came == [True, False, False, True]


def test_an_endpoint_is_written_only_when_something_about_it_changes(endpoint, django_assert_num_queries):
    told_of(endpoint, 2)
    first, second = claimed()

    with django_assert_num_queries(6):
        comes_to(first, 200)
    with django_assert_num_queries(7):
        comes_to(second, 200, duration=timedelta(seconds=1))


def test_the_worst_of_several_outcomes_at_once_counts(endpoint):
    failed_before(told_of(endpoint, 3)[1], 8)
    now = timezone.now()

    ended = [Ended(each, Answer(status=500 if each.failures else 200), now) for each in claimed(now)]
    note(ended, now)

    assert refreshed(endpoint).disabled_because == Disabled.FAILED
    assert Delivery.objects.exclude(delivered_at=None).count() == 2


def test_a_failing_endpoint_is_noted_from_its_first_failure_to_its_next_success(endpoint):
    told_of(endpoint, 4)
    now = timezone.now()
    taken = claimed(now)

    comes_to(taken[0], 500, now=now)
    assert refreshed(endpoint).failing_since == now
    comes_to(taken[1], 500, now=now + MINUTE / 10)
    assert refreshed(endpoint).failing_since == now
    Endpoint.objects.update(told_of_failing_at=now)
    comes_to(taken[2], 200, now=now + MINUTE / 9)
    assert (refreshed(endpoint).failing_since, endpoint.told_of_failing_at) == (None, None)
    comes_to(taken[3], 500, now=now + MINUTE / 8)
    assert refreshed(endpoint).failing_since == now + MINUTE / 8


def test_of_outcomes_noted_together_the_order_in_which_they_ended_counts(endpoint):
    told_of(endpoint, 3)
    now = timezone.now()
    taken = claimed(now)
    moments = [now + timedelta(seconds=number) for number in range(3)]
    ended = [
        Ended(each, Answer(status=status), at) for each, status, at in zip(taken, (500, 200, 500), moments, strict=True)
    ]

    note(ended[::-1], moments[-1])

    assert refreshed(endpoint).failing_since == moments[2]


def test_a_redelivery_asked_for_while_the_attempt_was_under_way_is_not_lost(endpoint):
    for status in (200, 500):
        [delivery], now = told_of(endpoint), timezone.now()
        [taken] = claimed(now)
        Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=now, last_redelivered_at=now)

        comes_to(taken, status, now=now)

        assert refreshed(delivery).next_attempt_at == now
        [again] = claimed(now)
        comes_to(again, 200, now=now)
        assert (refreshed(delivery).next_attempt_at, delivery.attempts) == (None, 2)


def test_what_was_disabled_while_an_attempt_was_under_way_stays_held(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    [taken] = claimed(now)
    disable(endpoint.pk, Disabled.ASKED, now)

    comes_to(taken, 500, now=now)
    assert refreshed(delivery).next_attempt_at is None

    revive(endpoint.pk, now)
    assert refreshed(delivery).next_attempt_at is None
    assert claimed(now + timedelta(days=2)) == []


def test_delivered_is_since_the_first_success(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    comes_to(claimed(now)[0], 200, now=now)
    Delivery.objects.update(next_attempt_at=now)

    comes_to(claimed(now)[0], 200, now=now + MINUTE)

    assert (refreshed(delivery).delivered_at, delivery.attempts) == (now, 2)


def test_who_comes_after_their_claim_ran_out_has_nothing_to_say(endpoint):
    [delivery], now = told_of(endpoint), timezone.now()
    [late] = claimed(now)
    [current] = claimed(now + CLAIM)

    comes_to(late, 500, now=now + CLAIM)
    assert (refreshed(delivery).attempts, refreshed(endpoint).failing_since) == (0, None)
    assert delivery.claimed_until == current.until

    comes_to(current, 200, now=now + CLAIM)
    assert refreshed(delivery).attempts == 1
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {Outcome.UNKNOWN, Outcome.DELIVERED}


def test_what_was_erased_meanwhile_is_no_trouble(endpoint):
    first, _ = told_of(endpoint, 2)
    taken = claimed()
    Attempt.objects.filter(delivery=first).delete()
    first.delete()

    for each in taken:
        comes_to(each, 200)

    assert Delivery.objects.exclude(delivered_at=None).count() == 1


def test_an_endpoint_that_is_gone_is_no_trouble_either(endpoint):
    [_], now = told_of(endpoint), timezone.now()
    [taken] = claimed(now)
    forget_endpoint(endpoint, now)

    left = note([Ended(taken, Answer(status=500), now)], now)

    assert note(left, taken.until) == []
    assert not Attempt.objects.exists()


def test_the_number_of_statements_does_not_grow(organization, django_assert_num_queries):
    now = timezone.now()

    def ended(count: int) -> list[Ended]:
        for _ in range(count):
            delivery_at(organization)
        taken = claimed(at_once=1000)
        assert len(taken) > count - 1
        return [Ended(each, Answer(status=200 if number % 2 else 500), now) for number, each in enumerate(taken)]

    for count in (1, 6):
        together = ended(count)
        with django_assert_num_queries(7):  # two of them begin and end the savepoint that stands for the transaction
            note(together, now)


@pytest.mark.django_db(transaction=True)
def test_whoever_deletes_one_endpoint_holds_up_no_other(organization):
    held, free = delivery_at(organization), new_endpoint(organization)
    told_of(free)
    now = timezone.now()
    ended = [Ended(each, Answer(status=200), now) for each in claimed(now)]

    with locked(Endpoint.objects.filter(pk=held.endpoint_id)):
        left = note(ended, now)

    assert {each.claim.endpoint_id for each in left} == {held.endpoint_id}
    assert not free.deliveries.filter(delivered_at=None).exists()
    assert note(left, now) == []
    assert not Delivery.objects.filter(delivered_at=None).exists()


def work(stop: threading.Event, answers: Iterator[int]) -> None:
    """A worker whose receivers answer all kinds of things."""
    now = timezone.now()
    ended = [Ended(each, Answer(status=next(answers)), now) for each in claimed(now)]
    while ended and not stop.is_set():
        ended = note(ended, timezone.now())


def erase() -> None:
    with transaction.atomic():
        rows = Delivery.objects.order_by("pk").select_for_update(of=("self",))
        ids = list(rows.values_list("pk", flat=True)[:20])
        Attempt.objects.filter(delivery__in=ids)._raw_delete("default")
        Delivery.objects.filter(pk__in=ids)._raw_delete("default")


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_at_the_same_time_nobody_is_told_of_a_deadlock(organization):
    endpoints = [new_endpoint(organization) for _ in range(4)]
    stop = threading.Event()

    def until_the_end(act) -> None:
        while not stop.is_set():
            act()

    def switch() -> None:
        for endpoint in endpoints:
            revive(endpoint.pk, timezone.now())

    workers = [partial(work, stop, cycle((200, 410, 500))) for _ in range(2)]
    with ExitStack() as stack:
        for act in [*workers, switch, erase, *[partial(told_of, endpoints[0], 5)] * 2]:
            stack.enter_context(beside(partial(until_the_end, act)))
        stack.callback(stop.set)
        stop.wait(4)
        eventually(lambda: ProcrastinateJob.objects.filter(task_name=TELL).exists())
