"""Contract §9: an event is sent again on request, once a minute, and a test when a developer asks for one."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections, transaction
from django.utils import timezone

from organizations.models import IdempotencyKey
from tests.conftest import api_of
from tests.moments import from_now
from tests.webhooks.endpoints import disabled_endpoint, due_to, new_endpoint
from tests.webhooks.writing import tell
from webhooks.events import EventType
from webhooks.examples import EXAMPLES
from webhooks.models import Delivery, Event
from webhooks.switching import disable

FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}
KEY = "6d2f2f0c-9c55-4d52-8c6b-7a0d4d7c8a11"


@pytest.fixture
def row(organization):
    return new_endpoint(organization)


@pytest.fixture
def delivery(organization, row) -> Delivery:
    """An event that was delivered an hour ago."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    tell(organization, 7, now=an_hour_ago)
    row.deliveries.update(delivered_at=an_hour_ago, next_attempt_at=None, attempts=1, last_status_code=200)
    return row.deliveries.get()


def redeliver(api, delivery, **headers):
    return api.post(f"/events/{delivery.public_id}/redeliver", {}, **headers)


def stamp(moment) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


# --- Redelivery ---


def test_an_event_is_due_at_once_with_the_same_id_and_bytes(api, delivery):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        answer = redeliver(api, delivery)

    assert answer.status == 200
    assert answer.json == api.get(f"/events/{delivery.public_id}").json
    assert answer.json["id"] == delivery.public_id
    assert answer.json["last_redelivered_at"] == answer.json["next_attempt_at"] == stamp(now)
    assert (answer.json["attempts"], answer.json["delivered_at"]) == (1, stamp(delivery.delivered_at))
    (due,) = due_to(delivery.endpoint)
    assert (due.next_attempt_at, due.body) == (now, delivery.body)


@pytest.mark.parametrize(
    "state",
    [
        {"delivered_at": None, "attempts": 9},
        {"delivered_at": None, "attempts": 0},
        {"delivered_at": None, "attempts": 3, "next_attempt_at": timedelta(hours=12)},
        {"delivered_at": None, "claimed_until": timedelta(minutes=10)},
    ],
    ids=["given up", "held", "retried later", "under way"],
)
def test_whatever_came_of_it_before(api, delivery, state):
    Delivery.objects.update(**from_now(state))

    assert redeliver(api, delivery).status == 200

    (due,) = due_to(delivery.endpoint)
    assert due.next_attempt_at <= timezone.now()
    assert due.attempts == state.get("attempts", 1)


def test_it_can_be_done_once_a_minute_for_each_event(api, organization, row, delivery):
    tell(organization, 8)
    other = row.deliveries.exclude(pk=delivery.pk).get()
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        first = redeliver(api, delivery)
        clock.shift(10)
        refused = redeliver(api, delivery)
        of_another = redeliver(api, other)
        clock.shift(49.5)
        just_before = redeliver(api, delivery)
        clock.shift(0.5)
        again = redeliver(api, delivery)

    assert first.status == of_another.status == again.status == 200
    assert refused.problem == just_before.problem == (429, "throttled", None)
    assert (refused.headers["Retry-After"], just_before.headers["Retry-After"]) == ("50", "1")
    assert again.json["last_redelivered_at"] == stamp(now + timedelta(seconds=60))


def test_what_is_refused_changes_nothing(api, delivery):
    redeliver(api, delivery)
    Delivery.objects.update(next_attempt_at=None)

    assert redeliver(api, delivery).status == 429
    assert due_to(delivery.endpoint) == []


def test_an_event_of_a_disabled_endpoint_waits_until_it_is_switched_on(api, delivery):
    disable(delivery.endpoint_id, "asked", timezone.now())

    refused = redeliver(api, delivery)

    assert refused.problem == (409, "resource_conflict", None)
    assert "active" in refused.error["message"]
    assert Delivery.objects.get().last_redelivered_at is None
    api.patch(f"/webhooks/{delivery.endpoint.public_id}", {"status": "active"})
    assert redeliver(api, delivery).status == 200


def test_an_event_of_another_workspace_is_not_found(api_of_other, delivery):
    assert redeliver(api_of_other, delivery).problem == (404, "resource_not_found", None)
    assert Delivery.objects.get().last_redelivered_at is None


def test_a_fact_of_the_feed_is_on_its_way_to_nobody(api, delivery):
    refused = api.post(f"/events/{delivery.event.public_id}/redeliver", {})

    assert refused.problem == (404, "resource_not_found", None)
    assert "/webhooks/{id}/events" in refused.json["error"]["message"]


@pytest.mark.parametrize("event_id", ["evt_" + "0" * 26, "evt_%00", "evt_", "x", "%C3%BC"])
def test_an_id_that_is_none_is_not_found(api, delivery, event_id):
    assert api.post(f"/events/{event_id}/redeliver", {}).problem == (404, "resource_not_found", None)


@pytest.mark.parametrize(("body", "param"), [({"now": True}, "now"), ([], None), ("x", None)])
def test_redelivery_takes_no_fields(api, delivery, body, param):
    assert api.post(f"/events/{delivery.public_id}/redeliver", body).problem == (400, "bad_request", param)


def test_a_request_that_is_sent_twice_with_a_key_is_done_once_and_not_refused(api, delivery):
    first, second = redeliver(api, delivery, Idempotency_Key=KEY), redeliver(api, delivery, Idempotency_Key=KEY)

    assert second.json == first.json
    assert second.headers["Idempotent-Replayed"] == "true"


def test_the_stored_answer_goes_with_the_patient_it_is_about(api, row):
    flow = api.post("/sessions", FLOW).json
    api.post(f"/sessions/{flow['id']}/expire", {})
    redeliver(api, row.deliveries.get(), Idempotency_Key=KEY)
    assert IdempotencyKey.objects.count() == 1

    api.delete("/patients/p-1")

    assert not IdempotencyKey.objects.filter(answer__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_is_served(api, delivery):
    together = threading.Barrier(8)

    def ask(_) -> int:
        together.wait()
        try:
            return redeliver(api, delivery).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(ask, range(8)))

    assert statuses == [200] + [429] * 7


@pytest.mark.django_db(transaction=True)
def test_what_is_redelivered_while_the_endpoint_is_being_disabled_is_held(api, delivery):
    started = threading.Event()

    def ask() -> int:
        started.set()
        try:
            return redeliver(api, delivery).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            disable(delivery.endpoint_id, "asked", timezone.now())
            asking = pool.submit(ask)
            started.wait(30)
            threading.Event().wait(0.3)  # it waits for the endpoint by now
        status = asking.result()

    assert status == 409
    assert due_to(delivery.endpoint) == []


@pytest.mark.django_db(transaction=True)
def test_workers_are_woken(api, delivery):
    with connections["default"].copy().cursor() as listener:
        listener.connection.autocommit = True
        listener.execute("LISTEN webhooks_delivery")
        redeliver(api, delivery)
        api.post(f"/webhooks/{delivery.endpoint.public_id}/test", {"type": "patient.deleted"})
        woken = list(listener.connection.notifies(timeout=5, stop_after=2))
        listener.connection.close()

    assert len(woken) == 2


def test_who_may_only_read_cannot_redeliver(organization, delivery):
    reader = api_of(organization, scopes=["webhooks:read"])

    assert redeliver(reader, delivery).problem == (403, "insufficient_scope", None)


def test_it_costs_a_fixed_number_of_queries(api, delivery, django_assert_num_queries):
    api.get("/events")  # notes that the key was used
    with django_assert_num_queries(8):  # the key, the event; savepoint, endpoint, change, event, notify, release
        redeliver(api, delivery)


# --- Tests ---


@pytest.mark.parametrize("name", [name.value for name in EventType])
def test_an_example_of_any_type_is_sent_as_if_it_had_just_happened(api, row, name):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        answer = api.post(f"/webhooks/{row.public_id}/test", {"type": name})

    assert answer.status == 200
    (due,) = due_to(row)
    assert answer.json == api.get(f"/events/{due.public_id}").json
    assert answer.json["fact_id"] is None
    assert answer.json["data"] == {"object": EXAMPLES[name]}
    assert (answer.json["type"], answer.json["created_at"], answer.json["next_attempt_at"]) == (name, *[stamp(now)] * 2)
    assert json.loads(due.body) == {
        "id": due.public_id,
        "object": "event",
        "type": name,
        "api_version": "2026-04-25",
        "created_at": stamp(now),
        "fact_id": None,
        "data": {"object": EXAMPLES[name]},
    }


def test_a_test_is_in_the_list_of_the_endpoint_and_in_no_feed(api, row):
    sent = api.post(f"/webhooks/{row.public_id}/test", {"type": "patient.deleted"}).json

    assert api.get(f"/webhooks/{row.public_id}/events").json["data"] == [sent]
    assert api.get("/events").json["data"] == []
    assert not Event.objects.exists()


def test_a_test_is_sent_also_where_the_endpoint_does_not_ask_for_that_type(api, organization):
    row = new_endpoint(organization, "session.expired")

    assert api.post(f"/webhooks/{row.public_id}/test", {"type": "patient.deleted"}).status == 200
    assert len(due_to(row)) == 1


def test_a_test_can_be_redelivered(api, row):
    sent = api.post(f"/webhooks/{row.public_id}/test", {"type": "patient.deleted"}).json

    assert api.post(f"/events/{sent['id']}/redeliver", {}).status == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": "*"}, "type"),
        ({"type": "session.opened"}, "type"),
        ({"type": ["patient.deleted"]}, "type"),
        ({"type": "patient.deleted", "data": {}}, "data"),
    ],
)
def test_a_test_is_of_a_type_there_is(api, row, body, param):
    assert api.post(f"/webhooks/{row.public_id}/test", body).problem == (400, "bad_request", param)
    assert not Delivery.objects.exists()


def test_a_disabled_endpoint_gets_no_test(api, organization):
    row = disabled_endpoint(organization)

    answer = api.post(f"/webhooks/{row.public_id}/test", {"type": "patient.deleted"})

    assert answer.problem == (409, "resource_conflict", None)
    assert not Delivery.objects.exists()
