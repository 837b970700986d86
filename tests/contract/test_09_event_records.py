"""Contract §9: what was sent to an endpoint, and what came of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common import versions
from common.versions.change import Change, Version
from tests.flows.test_plans import assert_reads_little, plan_of, statements
from tests.webhooks.endpoints import disabled_endpoint, new_endpoint
from tests.webhooks.writing import tell
from webhooks.models import Delivery, Event

FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}
LONG_AGO = datetime(2026, 4, 25, 14, 30, tzinfo=UTC)
FIELDS = [
    "id", "resource_type", "webhook_endpoint_id", "fact_id", "type", "data", "api_version", "attempts",
    "next_attempt_at", "delivered_at", "last_status_code", "last_response_body", "last_problem",
    "last_redelivered_at", "created_at",
]  # fmt: skip


@pytest.fixture
def row(organization):
    return new_endpoint(organization)


def records(api, row, **query) -> list[dict]:
    answer = api.get(f"/webhooks/{row.public_id}/events", query)
    assert answer.status == 200, answer.json
    assert list(answer.json) == ["resource_type", "data", "has_more", "next_cursor"]
    return answer.json["data"]


def numbers(page) -> list[int]:
    return [record["data"]["object"]["number"] for record in page]


def deliver(delivery: Delivery, **fields) -> None:
    """As a worker notes that it was taken."""
    given = {"delivered_at": timezone.now(), "attempts": 1, "next_attempt_at": None, "last_status_code": 200}
    Delivery.objects.filter(pk=delivery.pk).update(**given | fields)


def test_an_event_that_waits_has_every_field(api, organization, row):
    told = tell(organization, 7, "records.sync.completed", LONG_AGO)

    (record,) = records(api, row)

    assert list(record) == FIELDS
    assert record["id"] == row.deliveries.get().public_id
    assert {name: record[name] for name in FIELDS[1:]} == {
        "resource_type": "event",
        "webhook_endpoint_id": row.public_id,
        "fact_id": told,
        "type": "records.sync.completed",
        "data": {"object": {"number": 7}},
        "api_version": "2026-04-25",
        "attempts": 0,
        "next_attempt_at": "2026-04-25T14:30:00.000Z",
        "delivered_at": None,
        "last_status_code": None,
        "last_response_body": None,
        "last_problem": None,
        "last_redelivered_at": None,
        "created_at": "2026-04-25T14:30:00.000Z",
    }


def test_an_event_that_was_delivered_says_when_and_what_was_answered(api, organization, row):
    tell(organization)
    deliver(row.deliveries.get(), delivered_at=LONG_AGO, attempts=3, last_status_code=204, last_response_body="thanks")

    (record,) = records(api, row)

    assert [record[name] for name in FIELDS[7:12]] == [3, None, "2026-04-25T14:30:00.000Z", 204, "thanks"]


def test_what_happened_while_it_was_disabled_is_there_and_waits_for_nothing(api, organization):
    row = disabled_endpoint(organization)
    tell(organization)

    (record,) = records(api, row)

    assert (record["attempts"], record["next_attempt_at"], record["delivered_at"]) == (0, None, None)


def test_a_fact_has_a_record_at_each_endpoint_that_wants_it_with_an_id_of_its_own(api, organization, row):
    other, unconcerned = new_endpoint(organization, "patient.deleted"), new_endpoint(organization, "session.expired")
    told = tell(organization)

    (one,), (another,) = records(api, row), records(api, other)

    assert records(api, unconcerned) == []
    assert one["fact_id"] == another["fact_id"] == told
    assert len({one["id"], another["id"], told}) == 3
    assert another["webhook_endpoint_id"] == other.public_id


def test_an_endpoint_reads_a_flow_in_the_dialect_it_asked_for(api, organization):
    row = new_endpoint(organization, "session.expired")
    flow = api.post("/patient-flows", FLOW).json
    api.post(f"/patient-flows/{flow['id']}/expire", {})

    (record,) = records(api, row)

    told = record["data"]["object"]
    assert (record["type"], told["resource_type"], told["url"]) == ("session.expired", "session", flow["url"])
    assert told["id"] == flow["id"].replace("pf_", "sess_")
    assert [event["type"] for event in api.get("/events").json["data"]] == ["patient_flow.expired"]


def test_records_are_newest_first_page_by_page(api, organization, row):
    for number in range(7):
        tell(organization, number)
    found, cursor = [], {}
    while cursor is not None:
        page = api.get(f"/webhooks/{row.public_id}/events", {"limit": 3} | cursor).json
        found += numbers(page["data"])
        cursor = {"starting_after": page["next_cursor"]} if page["has_more"] else None

    ids = [record["id"] for record in records(api, row)]
    assert ids == sorted(ids, reverse=True)
    assert sorted(found) == list(range(7))


def test_they_are_found_by_whether_they_were_delivered(api, organization, row):
    for number in range(4):
        tell(organization, number)
    for delivery in row.deliveries.order_by("pk")[:2]:
        deliver(delivery)

    everything = set(numbers(records(api, row)))
    delivered = set(numbers(records(api, row, delivered="true")))
    waiting = set(numbers(records(api, row, delivered="false")))

    assert (len(delivered), len(waiting)) == (2, 2)
    assert delivered | waiting == everything


@pytest.mark.parametrize("value", ["", "True", "1", "yes", "null", "\x00"])
def test_delivered_is_true_or_false(api, row, value):
    answer = api.get(f"/webhooks/{row.public_id}/events", {"delivered": value})

    assert answer.problem == (400, "bad_request", "delivered")


@pytest.mark.parametrize("name", ["type", "since", "ending_before", "status", "Delivered"])
def test_unknown_parameters_are_refused(api, row, name):
    assert api.get(f"/webhooks/{row.public_id}/events", {name: "x"}).problem == (400, "bad_request", name)


def test_a_cursor_is_good_for_its_own_endpoint_and_filter_only(api, organization, row):
    other = new_endpoint(organization)
    for _ in range(2):
        tell(organization)
    path = f"/webhooks/{row.public_id}/events"
    foreign = [
        api.get(f"/webhooks/{other.public_id}/events?limit=1").json["next_cursor"],
        api.get(f"{path}?limit=1&delivered=false").json["next_cursor"],
        "x",
    ]

    for cursor in foreign:
        assert api.get(path, {"starting_after": cursor}).problem == (400, "bad_request", "starting_after")


def test_a_cursor_of_what_was_delivered_is_not_one_of_what_was_not(api, organization, row):
    for number in range(4):
        tell(organization, number)
    for delivery in row.deliveries.order_by("pk")[:2]:
        deliver(delivery)
    path = f"/webhooks/{row.public_id}/events"

    for origin, other in (("true", "false"), ("false", "true")):
        cursor = api.get(path, {"delivered": origin, "limit": 1}).json["next_cursor"]
        answer = api.get(path, {"delivered": other, "starting_after": cursor})
        assert answer.problem == (400, "bad_request", "starting_after")


def test_one_is_read_by_its_id_as_it_is_in_the_list_and_its_fact_by_the_facts(api, api_of_other, organization, row):
    told = tell(organization)
    (record,) = records(api, row)

    fact = api.get(f"/events/{told}").json

    assert api.get(f"/events/{record['id']}").json == record
    assert (fact["id"], fact["fact_id"], fact["webhook_endpoint_id"]) == (told, told, None)
    assert fact["data"] == record["data"]
    assert api_of_other.get(f"/events/{record['id']}").problem == (404, "resource_not_found", None)


def test_records_go_with_the_patient_they_are_about(api, row):
    flow = api.post("/sessions", FLOW).json
    api.post(f"/sessions/{flow['id']}/expire", {})
    (record,) = records(api, row)

    api.delete("/patients/p-1")

    assert [each["type"] for each in records(api, row)] == ["patient.deleted"]
    assert api.get(f"/events/{record['id']}").status == 404


def test_a_record_is_shown_as_it_was_sent_whatever_version_asks(api, organization, monkeypatch):
    renamed = Change("Counts have another name.", objects={"records_sync": lambda old: {"count": old["total"]}})
    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, Version(date="2027-01-01", changes=(renamed,))])
    older, newer = new_endpoint(organization, api_version="2026-04-25"), new_endpoint(organization)
    from webhooks.operations import emit

    emit(organization, "records.sync.completed", {"resource_type": "records_sync", "total": 2}, now=LONG_AGO)

    for asked in ("2026-04-25", "2027-01-01"):
        for endpoint, told in ((older, {"count": 2}), (newer, {"resource_type": "records_sync", "total": 2})):
            answer = api.get(f"/webhooks/{endpoint.public_id}/events", Version=asked).json
            assert answer["data"][0]["data"]["object"] == told
            assert answer["data"][0]["api_version"] == endpoint.api_version


# --- What it costs ---

FILL = """
    WITH facts AS (
        INSERT INTO webhooks_event (id, organization_id, type, object, api_version, created_at)
        SELECT lpad(n::text, 26, '0'), %(organization)s, 'patient.deleted', '{}', '2026-04-25', now()
        FROM generate_series(1, %(rows)s) n RETURNING id
    )
    INSERT INTO webhooks_delivery (id, endpoint_id, event_id, type, body, attempts, delivered_at, created_at)
    SELECT id, %(endpoint)s, id, 'patient.deleted', %(body)s, 1,
        CASE WHEN id > lpad('30', 26, '0') THEN now() END, now() FROM facts
"""


@pytest.fixture
def very_many(organization, row):
    """Events of one endpoint, of which only the oldest were not delivered."""
    tell(organization)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM webhooks_delivery")
        (body,) = cursor.fetchone()
        Event.objects.all().delete()
        names = {"organization": organization.pk, "endpoint": row.pk, "rows": 20_000, "body": body}
        cursor.execute(FILL, names)
        cursor.execute("ANALYZE webhooks_delivery")


@pytest.mark.parametrize("query", [{}, {"delivered": "true"}, {"delivered": "false"}], ids=str)
def test_a_page_reads_only_its_own_records_however_many_there_are(api, row, very_many, query):
    path = f"/webhooks/{row.public_id}/events"
    cursor = api.get(path, query).json["next_cursor"]
    assert cursor
    for place in ({}, {"starting_after": cursor}):
        with CaptureQueriesContext(connection) as asked:
            assert len(api.get(path, query | place).json["data"]) == 10

        (statement,) = [each for each in statements(asked) if 'FROM "webhooks_delivery"' in each]
        assert_reads_little(plan_of(statement))


def test_every_page_costs_the_same_few_queries(api, organization, row, django_assert_num_queries):
    for number in range(5):
        tell(organization, number)
    record = records(api, row)[0]

    for query in ({"limit": 2}, {"limit": 5}, {"delivered": "false"}):
        with django_assert_num_queries(3):  # the key, the endpoint, its events
            records(api, row, **query)
    with django_assert_num_queries(3):  # the key; no such fact; the record
        api.get(f"/events/{record['id']}")


def test_what_is_older_than_a_month_is_gone_from_the_list(api, organization, row):
    from webhooks.forgetting import forget_old

    tell(organization)
    forget_old(timezone.now() + timedelta(days=31))

    assert records(api, row) == []
