"""Contract §9: what an endpoint missed is sent again in bulk, spread out."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.conftest import api_of
from tests.webhooks.dispatching import claimed, comes_to, refreshed
from tests.webhooks.endpoints import disabled_endpoint, due_to, new_endpoint
from tests.webhooks.writing import tell
from webhooks.models import Delivery, Endpoint
from webhooks.redelivery import send_test

LONG_AGO = datetime(2026, 4, 25, 14, 30, tzinfo=UTC)


@pytest.fixture
def row(organization):
    """An endpoint that was disabled while ten things happened, a minute between each and the next."""
    row = disabled_endpoint(organization)
    for number in range(10):
        tell(organization, number, now=LONG_AGO + timedelta(minutes=number))
    return row


@pytest.fixture
def revived(api, row):
    assert api.patch(f"/webhooks/{row.public_id}", {"status": "active"}).status == 200
    return row


def replay(api, row, since="2026-04-25T00:00:00Z", **more):
    return api.post(f"/webhooks/{row.public_id}/replay", {"since": since} | more)


def due(row) -> list[tuple[int, datetime]]:
    """Number and time of what is due, in the order of time."""
    found = [(each.next_attempt_at, each.content["data"]["object"]["number"]) for each in due_to(row)]
    return [(number, at) for at, number in sorted(found)]


def test_a_test_that_failed_is_made_up_and_not_replayed(api, revived):
    test = send_test(revived, "patient.deleted", timezone.now())
    [taken] = claimed()
    comes_to(taken, 500)

    answer = replay(api, revived)

    assert answer.json["events"] == 10
    assert refreshed(test).next_attempt_at is None


def test_what_was_missed_is_due_spread_out_by_twenty_a_second_the_oldest_first(api, revived):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        answer = replay(api, revived)

    assert answer.status == 200
    assert answer.json == {
        "resource_type": "webhook_replay",
        "webhook_endpoint_id": revived.public_id,
        "since": "2026-04-25T00:00:00.000Z",
        "until": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z",
        "events": 10,
    }
    assert sorted(number for number, _ in due(revived)) == list(range(10))
    assert [at - now for _, at in due(revived)] == [timedelta(milliseconds=50 * place) for place in range(10)]
    ids = [each.pk for each in sorted(due_to(revived), key=lambda each: each.next_attempt_at)]
    assert ids == sorted(ids)
    assert set(revived.deliveries.values_list("last_redelivered_at", flat=True)) == {now}


@pytest.mark.parametrize(
    ("since", "until", "numbers"),
    [
        ("2026-04-25T14:33:00Z", "2026-04-25T14:35:00Z", [3, 4, 5]),
        ("2026-04-25T14:33:00.001Z", "2026-04-25T14:34:59.999Z", [4]),
        ("2026-04-25T16:38:00+02:00", "2026-04-26T00:00:00Z", [8, 9]),
        ("2026-04-25T14:33:00Z", "2026-04-25T14:33:00Z", [3]),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", list(range(10))),
        ("2026-04-25T14:40:00Z", "2026-04-26T00:00:00Z", []),
    ],
)
def test_only_what_happened_in_that_while(api, revived, since, until, numbers):
    answer = replay(api, revived, since=since, until=until)

    assert answer.json["events"] == len(numbers)
    assert sorted(number for number, _ in due(revived)) == numbers


def test_what_was_delivered_is_sent_again_only_if_asked_for(api, revived):
    delivered = revived.deliveries.order_by("created_at")[:4].values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(delivered)).update(delivered_at=timezone.now())

    with time_machine.travel(timezone.now(), tick=False) as clock:
        without = replay(api, revived)
        clock.shift(60)
        with_all = replay(api, revived, include_delivered=True)

    assert (without.json["events"], with_all.json["events"]) == (6, 10)
    assert len(due(revived)) == 10


def test_what_is_due_earlier_anyway_stays_so(api, organization, revived):
    tell(organization, 10)
    (fresh,) = due_to(revived)

    replay(api, revived)

    assert dict(due(revived))[10] == fresh.next_attempt_at


def test_what_would_be_retried_later_is_sent_now(api, revived):
    in_a_day = timezone.now() + timedelta(days=1)
    Delivery.objects.update(next_attempt_at=in_a_day, attempts=7)

    replay(api, revived)

    assert all(at < in_a_day - timedelta(hours=23) for _, at in due(revived))


def test_what_is_under_way_is_sent_once_more_after_it(api, revived):
    now = timezone.now()
    until = now + timedelta(microseconds=1)  # earlier than when its turn comes
    last = revived.deliveries.order_by("pk").last()
    Delivery.objects.filter(pk=last.pk).update(claimed_until=until, next_attempt_at=until)

    with time_machine.travel(now, tick=False):
        replay(api, revived)

    assert Delivery.objects.get(pk=last.pk).next_attempt_at == now + timedelta(milliseconds=450)


def test_other_endpoints_are_sent_nothing(api, organization, revived):
    other = new_endpoint(organization)
    tell(organization, 10, now=LONG_AGO)
    Delivery.objects.filter(endpoint=other).update(next_attempt_at=None)

    replay(api, revived)

    assert due(other) == []


def test_a_disabled_endpoint_is_switched_on_first(api, row):
    answer = replay(api, row)

    assert answer.problem == (409, "resource_conflict", None)
    assert due(row) == []
    assert Endpoint.objects.get().last_replayed_at is None


def test_it_can_be_done_once_a_minute(api, organization, revived):
    other = new_endpoint(organization)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert replay(api, revived).status == 200
        clock.shift(20.5)
        refused, of_another = replay(api, revived), replay(api, other)
        clock.shift(39.5)
        again = replay(api, revived)

    assert refused.problem == (429, "throttled", None)
    assert refused.headers["Retry-After"] == "40"
    assert of_another.status == again.status == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "since"),
        ({"since": None}, "since"),
        ({"since": "2026-04-25"}, "since"),
        ({"since": "2026-04-25T14:30:00"}, "since"),
        ({"since": 1777127400}, "since"),
        ({"since": "9999-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-04-25T14:30:00Z", "until": "2026-04-25T14:29:59Z"}, "since"),
        ({"since": "2026-04-25T14:30:00Z", "until": None}, "until"),
        ({"since": "2026-04-25T14:30:00Z", "until": "now"}, "until"),
        ({"since": "2026-04-25T14:30:00Z", "include_delivered": "true"}, "include_delivered"),
        ({"since": "2026-04-25T14:30:00Z", "include_delivered": 1}, "include_delivered"),
        ({"since": "2026-04-25T14:30:00Z", "include_delivered": None}, "include_delivered"),
        ({"since": "2026-04-25T14:30:00Z", "types": ["*"]}, "types"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_sent(api, revived, body, param):
    assert api.post(f"/webhooks/{revived.public_id}/replay", body).problem == (400, "bad_request", param)
    assert due(revived) == []
    assert Endpoint.objects.get().last_replayed_at is None


def test_an_endpoint_of_another_workspace_is_not_found(api_of_other, revived):
    assert replay(api_of_other, revived).problem == (404, "resource_not_found", None)


def test_it_takes_the_scope_to_write(organization, revived):
    reader = api_of(organization, scopes=["webhooks:read"])

    assert replay(reader, revived).problem == (403, "insufficient_scope", None)


def test_it_costs_a_fixed_number_of_queries(api, revived, django_assert_num_queries):
    with django_assert_num_queries(8):  # the key, the endpoint; savepoint, endpoint, its change, all, notify, release
        replay(api, revived)
