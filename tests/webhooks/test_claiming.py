"""What is due is claimed by one worker, as its slots are shared out."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from tests.webhooks.dispatching import beside, claimed, comes_to, delivery_at, locked, told_of
from tests.webhooks.endpoints import disabled_endpoint, new_endpoint
from webhooks import claiming
from webhooks.claiming import CLAIM, Busy, claim
from webhooks.models import Attempt, Delivery, Endpoint, Outcome
from webhooks.sharing import AT_ONCE, Slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(organization) -> Endpoint:
    return new_endpoint(organization)


def test_a_claim_has_what_is_sent(endpoint):
    [delivery] = told_of(endpoint)

    [taken] = claimed()

    assert (taken.public_id, taken.endpoint_id, taken.failures) == (delivery.public_id, endpoint.pk, 0)
    assert taken.opened() == (delivery.body.encode(), [endpoint.secret])
    assert (taken.endpoint.url, taken.reach) == (endpoint.url, endpoint.reach)


def test_an_attempt_is_written_before_it_is_made(endpoint):
    [delivery] = told_of(endpoint)
    now = timezone.now()

    [taken] = claimed(now)

    attempt = Attempt.objects.get()
    assert (attempt.pk, attempt.delivery_id, attempt.endpoint_id) == (taken.attempt_id, delivery.pk, endpoint.pk)
    assert (attempt.outcome, attempt.started_at) == (Outcome.OPEN, now)


def test_what_is_claimed_is_not_claimed_again(endpoint):
    told_of(endpoint, 3)

    assert len(claimed()) == 3
    assert claimed() == []


def test_a_claim_that_ran_out_is_claimed_again_and_what_came_of_the_attempt_is_unknown(endpoint):
    [delivery] = told_of(endpoint)
    now = timezone.now()
    [first] = claimed(now)

    assert claimed(now + CLAIM - timedelta(seconds=1)) == []
    [second] = claimed(now + CLAIM)

    assert second.delivery_id == delivery.pk
    assert second.failures == 0
    outcomes = dict(Attempt.objects.values_list("pk", "outcome"))
    assert outcomes == {first.attempt_id: Outcome.UNKNOWN, second.attempt_id: Outcome.OPEN}


def test_what_is_not_due_yet_is_left(endpoint):
    now = timezone.now()
    told_of(endpoint, now=now + timedelta(seconds=1))

    assert claimed(now) == []
    assert len(claimed(now + timedelta(seconds=1))) == 1


def test_what_is_due_longest_comes_first(endpoint):
    now = timezone.now()
    late = told_of(endpoint, now=now - timedelta(hours=1))
    told_of(endpoint, AT_ONCE, now=now)
    later = told_of(endpoint, now=now - timedelta(minutes=1))

    first = [taken.delivery_id for taken in claimed(now)]

    assert {late[0].pk, later[0].pk} < set(first)
    assert len(first) == AT_ONCE


def test_a_disabled_endpoint_is_sent_nothing(organization):
    endpoint = disabled_endpoint(organization)
    told_of(endpoint)
    Delivery.objects.update(next_attempt_at=timezone.now())  # as if it was being written when it was disabled

    assert claimed() == []


def test_an_endpoint_has_so_many_at_once_whoever_claims(endpoint):
    told_of(endpoint, AT_ONCE + 5)

    first = claimed()
    assert len(first) == AT_ONCE
    assert claimed() == []
    comes_to(first[0])
    assert len(claimed()) == 1


def test_a_failing_endpoint_is_sent_one_at_a_time(organization):
    told_of(new_endpoint(organization, failing_since=timezone.now()), 5)

    [taken] = claimed()

    assert taken.is_in_trouble
    assert claimed() == []


def test_an_endpoint_that_was_never_sent_anything_is_sent_one_first(organization):
    told_of(new_endpoint(organization, is_quick=None), 5)

    [first] = claimed()
    assert claimed() == []
    comes_to(first)

    assert len(claimed()) == 4


@pytest.mark.parametrize(("is_quick", "is_in_trouble", "is_untried"), [(True, 0, 0), (False, 1, 0), (None, 0, 1)])
def test_a_claim_says_what_is_known_of_its_endpoint(organization, is_quick, is_in_trouble, is_untried):
    delivery_at(organization, is_quick=is_quick)

    [taken] = claimed()

    assert (taken.is_in_trouble, taken.is_untried) == (is_in_trouble, is_untried)


def test_claims_go_by_the_clock_of_the_database(endpoint):
    told_of(endpoint)
    with time_machine.travel(timezone.now() + timedelta(days=1)):  # as on a machine whose clock is wrong
        [[taken], _] = claim(Slots(total=1))
        assert claim(Slots(total=1)) == ([], "")

    assert taken.started_at < timezone.now()


@pytest.mark.django_db(transaction=True)
def test_who_cannot_claim_now_is_told_so(organization):
    delivery_at(organization)

    def claim_too() -> None:
        with pytest.raises(Busy):
            claim(Slots(total=1))

    with transaction.atomic():
        assert len(claimed()) == 1
        with beside(claim_too):
            pass


def test_an_endpoint_whose_requests_take_long_is_in_trouble(endpoint):
    now = timezone.now()
    told_of(endpoint, 2, now=now)
    [first] = claimed(now, at_once=1)

    [second] = claimed(now + timedelta(seconds=2))

    assert not first.is_in_trouble
    assert second.is_in_trouble


def test_a_redelivery_asked_for_while_an_attempt_is_under_way_waits_for_its_end(endpoint):
    told_of(endpoint)
    [taken] = claimed()
    Delivery.objects.update(next_attempt_at=timezone.now())

    assert claimed() == []
    comes_to(taken, 200)
    assert len(claimed()) == 1


def test_all_endpoints_have_their_turn_however_many_they_are(organization, monkeypatch):
    monkeypatch.setattr(claiming, "WINDOW", 2)
    endpoints = [delivery_at(organization).endpoint_id for _ in range(5)]
    Delivery.objects.exclude(pk__in=Delivery.objects.order_by("endpoint", "pk").distinct("endpoint")).delete()

    taken, after, walks = [], "", 0
    while walks == 0 or after:
        some, after = claim(Slots(total=32), timezone.now(), after=after)
        taken += [each.endpoint_id for each in some]
        walks += 1

    assert taken == endpoints
    assert walks == 3


def test_a_walk_also_ends_where_nothing_is_due(endpoint):
    assert claim(Slots(total=32), timezone.now()) == ([], "")


def test_the_number_of_statements_does_not_grow(organization, django_assert_num_queries):
    delivery_at(organization)
    with django_assert_num_queries(6):  # two of them begin and end the savepoint that stands for the transaction
        assert len(claimed()) == 1

    for _ in range(10):
        told_of(new_endpoint(organization), 3)
    with django_assert_num_queries(6):
        assert len(claimed()) > 20


def test_secrets_of_both_sides_of_a_rotation_are_in_a_claim_until_the_overlap_ends(organization):
    now = timezone.now()
    endpoint = new_endpoint(organization, previous_secret="whsec_before", previous_secret_until=now + CLAIM)
    told_of(endpoint, 2, now=now)

    [during] = claimed(now, at_once=1)
    [after] = claimed(now + CLAIM, at_once=1)

    assert during.opened()[1] == [endpoint.secret, "whsec_before"]
    assert after.opened()[1] == [endpoint.secret]


def test_nothing_that_is_secret_shows_in_the_words_of_a_claim(endpoint):
    [delivery] = told_of(endpoint)

    [taken] = claimed()

    assert not [secret for secret in (endpoint.secret, taken.body, delivery.body) if secret in repr(taken)]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_the_same_time_each_claims_something_else(organization):
    endpoints = [new_endpoint(organization) for _ in range(3)]
    for endpoint in endpoints[:1]:
        told_of(endpoint, 10)
    taken: list[str] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(5):
            taken.extend(each.delivery_id for each in claimed(at_once=8))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken)) == 3 * AT_ONCE
    assert Attempt.objects.count() == len(taken)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held", ["endpoint", "delivery"])
def test_what_somebody_else_has_locked_is_left_for_now(organization, held):
    delivery, free = delivery_at(organization), new_endpoint(organization)
    told_of(free)
    Delivery.objects.filter(endpoint=delivery.endpoint_id).exclude(pk=delivery.pk).delete()
    rows = (
        Delivery.objects.filter(pk=delivery.pk)
        if held == "delivery"
        else Endpoint.objects.filter(pk=delivery.endpoint_id)
    )

    with locked(rows):
        assert [taken.endpoint_id for taken in claimed()] == [free.pk]

    assert [taken.endpoint_id for taken in claimed()] == [delivery.endpoint_id]
