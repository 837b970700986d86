"""Contract §9: what happened in a workspace, as a feed. That it misses nothing is shown in tests/webhooks/."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flows.models import PatientFlow
from organizations.scopes import ALL_SCOPES
from tests.conftest import api_of
from tests.flows.test_plans import assert_reads_little, plan_of, statements
from tests.webhooks.writing import tell
from webhooks.events import EventType
from webhooks.models import Event

FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}
LONG_AGO = datetime(2026, 4, 25, 14, 30, tzinfo=UTC)
DIRECTIONS = ["starting_after", "ending_before"]
FIELDS = [
    "id", "resource_type", "webhook_endpoint_id", "fact_id", "type", "data", "api_version", "attempts",
    "next_attempt_at", "delivered_at", "last_status_code", "last_response_body", "last_problem",
    "last_redelivered_at", "created_at",
]  # fmt: skip


def get(api, **query) -> dict:
    answer = api.get("/events", query)
    assert answer.status == 200, answer.json
    page = answer.json
    assert list(page) == ["resource_type", "data", "has_more", "next_cursor", "previous_cursor"]
    assert page["resource_type"] == "list"
    assert page["has_more"] == (page["next_cursor"] is not None)
    assert page["previous_cursor"]
    return page


def numbers(page) -> list[int]:
    return [event["data"]["object"]["number"] for event in page["data"]]


def everything(api, **query) -> list[int]:
    """Page after page to the oldest."""
    page = get(api, **query)
    found = numbers(page)
    while page["has_more"]:
        page = get(api, starting_after=page["next_cursor"], **query)
        found += numbers(page)
    return found


@pytest.fixture
def ten(organization) -> list[str]:
    """Ten events, a minute between each and the next, of two types by turns; their ids, oldest first."""
    types = ["session.expired", "session.completed"]
    return [tell(organization, number, types[number % 2], LONG_AGO + timedelta(minutes=number)) for number in range(10)]


# --- What an app reads ---


def test_a_flow_that_ends_and_a_patient_who_is_deleted_are_in_the_feed(api):
    before = get(api)
    flow = api.post("/sessions", FLOW).json
    kept = api.post("/patient-flows", FLOW | {"patient_id": "p-2"}).json
    expired = api.post(f"/sessions/{flow['id']}/expire", {}).json
    api.post(f"/patient-flows/{kept['id']}/expire", {})
    of_both = get(api, ending_before=before["previous_cursor"])

    api.delete("/patients/p-1")
    after = get(api, ending_before=of_both["previous_cursor"])

    assert before["data"] == []
    assert [event["type"] for event in of_both["data"]] == ["patient_flow.expired", "session.expired"]
    assert of_both["data"][1]["data"]["object"] == expired
    assert [event["type"] for event in after["data"]] == ["patient.deleted"]
    assert after["data"][0]["data"]["object"] == {"id": "p-1", "resource_type": "patient", "deleted": True}
    # What was told of the patient is gone with them, and nothing else.
    assert [event["type"] for event in get(api)["data"]] == ["patient.deleted", "patient_flow.expired"]
    assert api.get(f"/events/{of_both['data'][1]['id']}").problem == (404, "resource_not_found", None)
    assert PatientFlow.objects.count() == 1


def test_an_event_has_every_field_and_those_of_deliveries_are_empty(api, organization):
    tell(organization, 7, "records.sync.completed", LONG_AGO)

    (event,) = get(api)["data"]

    assert list(event) == FIELDS
    assert event["id"] == Event.objects.get().public_id
    assert {name: event[name] for name in FIELDS[1:7]} == {
        "resource_type": "event",
        "webhook_endpoint_id": None,
        "fact_id": event["id"],
        "type": "records.sync.completed",
        "data": {"object": {"number": 7}},
        "api_version": "2026-04-25",
    }
    assert [event[name] for name in FIELDS[7:]] == [0, *[None] * 6, "2026-04-25T14:30:00.000Z"]


def test_one_event_is_read_as_it_is_in_the_feed(api, ten):
    in_the_feed = {event["id"]: event for event in get(api)["data"]}

    assert [api.get(f"/events/{event_id}").json for event_id in ten] == [in_the_feed[event_id] for event_id in ten]


@pytest.mark.parametrize(
    "change",
    [
        lambda event_id: event_id[4:],
        lambda event_id: event_id.lower(),
        lambda event_id: f"evt_{event_id}",
        lambda event_id: event_id[:-1],
        lambda event_id: event_id + "0",
        lambda event_id: event_id.replace("evt_", "pf_"),
        lambda event_id: "evt_" + "0" * 26,
        lambda event_id: "evt_" + "Z" * 26,
        lambda event_id: "evt_",
        lambda event_id: "evt_%00",
        lambda event_id: event_id + "%0A",
        lambda event_id: "%C3%BC",
        lambda event_id: "x" * 5000,
    ],
)
def test_an_id_that_is_none_is_not_found(api, ten, change):
    assert api.get(f"/events/{change(ten[0])}").problem == (404, "resource_not_found", None)


def test_another_workspace_finds_nothing_of_it(api_of_other, ten):
    assert api_of_other.get(f"/events/{ten[0]}").problem == (404, "resource_not_found", None)
    assert get(api_of_other)["data"] == []


def test_it_takes_the_scope_to_read_webhooks_and_no_other(organization):
    event_id = tell(organization)
    without = api_of(organization, scopes=[scope for scope in ALL_SCOPES if scope != "webhooks:read"])
    reader = api_of(organization, scopes=["webhooks:read"])

    for path in ("/events", f"/events/{event_id}"):
        assert without.get(path).problem == (403, "insufficient_scope", None)
        assert reader.get(path).status == 200


# --- Pages ---


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 11, 100])
def test_every_event_is_met_once_newest_first_whatever_the_limit(api, ten, limit):
    assert everything(api, limit=limit) == list(reversed(range(10)))


@pytest.mark.parametrize("limit", [1, 3, 10, 11])
def test_the_way_back_meets_them_all_again(api, ten, limit):
    page = get(api, limit=limit)
    while page["has_more"]:
        page = get(api, limit=limit, starting_after=page["next_cursor"])
    found = numbers(page)
    while newer := numbers(page := get(api, limit=limit, ending_before=page["previous_cursor"])):
        found = newer + found

    assert found == list(reversed(range(10)))


def test_a_page_of_newer_ones_has_those_that_came_next_and_not_the_newest(api, ten):
    page = get(api, limit=1, starting_after=get(api, limit=8)["next_cursor"])
    assert numbers(page) == [1]

    assert numbers(get(api, limit=3, ending_before=page["previous_cursor"])) == [4, 3, 2]


def test_an_empty_page_leads_on_in_both_directions(api, ten, organization):
    end = get(api, ending_before=get(api)["previous_cursor"])
    assert (end["data"], end["has_more"]) == ([], True)
    tell(organization, 10)

    assert numbers(get(api, ending_before=end["previous_cursor"])) == [10]
    assert numbers(get(api, starting_after=end["next_cursor"], limit=2)) == [9, 8]


def test_an_empty_page_leads_back_also_while_nothing_newer_was_written_by_anybody(api, ten):
    end = get(api, ending_before=get(api)["previous_cursor"])

    assert (end["data"], end["has_more"]) == ([], True)
    assert numbers(get(api, starting_after=end["next_cursor"], limit=2)) == [9, 8]


def test_what_comes_and_goes_meanwhile_moves_nothing(api, ten, organization):
    first = get(api, limit=3)
    tell(organization, 10)
    Event.objects.filter(object__number__in=[7, 6]).delete()  # the one that the cursor stands at, and the next

    assert numbers(get(api, limit=3, starting_after=first["next_cursor"])) == [5, 4, 3]
    assert numbers(get(api, ending_before=first["previous_cursor"])) == [10]


def test_a_feed_that_was_forgotten_goes_on(api, ten, organization):
    cursor = get(api)["previous_cursor"]
    Event.objects.all().delete()
    assert get(api, ending_before=cursor)["data"] == []
    tell(organization, 10)

    assert numbers(get(api, ending_before=cursor)) == [10]


# --- Filters ---


@pytest.mark.parametrize("name", list(EventType))
def test_events_are_found_by_any_type_there_is(api, organization, name):
    for number, type_ in enumerate(EventType):
        tell(organization, number, type_)

    assert [event["type"] for event in get(api, type=name.value, limit=100)["data"]] == [name.value]


@pytest.mark.parametrize("name", ["", "*", "session", "session.opened", "Session.Expired", "session.expired ", "\x00"])
def test_an_unknown_type_is_refused(api, name):
    assert api.get("/events", {"type": name}).problem == (400, "bad_request", "type")


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-04-25T14:30:00Z", 10),
        ("2026-04-25T14:34:00Z", 6),
        ("2026-04-25T14:34:00.001Z", 5),
        ("2026-04-25T16:34:00+02:00", 6),
        ("0001-01-01T00:00:00+14:00", 10),
        ("9999-12-31T23:59:59-14:00", 0),
    ],
)
def test_since_asks_for_what_happened_from_then_on(api, ten, since, found):
    assert everything(api, since=since, limit=4) == list(reversed(range(10)))[:found]


@pytest.mark.parametrize(
    "since", ["", "2026-04-25", "2026-04-25T14:30:00", "yesterday", "2026-02-30T00:00:00Z", "\x00"]
)
def test_what_is_no_moment_is_refused(api, since):
    assert api.get("/events", {"since": since}).problem == (400, "bad_request", "since")


def test_filters_go_together_and_along_with_cursors_in_both_directions(api, ten):
    filters = {"type": "session.completed", "since": "2026-04-25T14:33:00Z", "limit": 2}
    first = get(api, **filters)
    second = get(api, starting_after=first["next_cursor"], **filters)

    assert (numbers(first), numbers(second), second["has_more"]) == ([9, 7], [5, 3], False)
    assert numbers(get(api, ending_before=second["previous_cursor"], **filters)) == [9, 7]
    assert get(api, ending_before=first["previous_cursor"], **filters)["data"] == []


# --- Cursors ---


def cursors(page) -> dict[str, str]:
    return {"starting_after": page["next_cursor"], "ending_before": page["previous_cursor"]}


@pytest.mark.parametrize("param", DIRECTIONS)
def test_a_cursor_is_good_for_its_own_filters_only(api, ten, param):
    asked = [
        {},
        {"type": "session.expired"},
        {"type": "session.completed"},
        {"since": "2026-04-25T14:30:00Z"},
        {"since": "2026-04-25T14:31:00Z"},
    ]
    found = [cursors(get(api, limit=1, **filters))[param] for filters in asked]

    for place, filters in enumerate(asked):
        for origin, cursor in enumerate(found):
            answer = api.get("/events", filters | {param: cursor})
            assert answer.status == 200 if origin == place else answer.problem == (400, "bad_request", param)


@pytest.mark.parametrize("param", DIRECTIONS)
def test_a_cursor_of_another_workspace_or_direction_or_list_is_refused(
    api, api_of_other, ten, other_organization, param
):
    tell(other_organization)
    tell(other_organization)
    for reference in ("p-1", "p-2"):
        api.post("/patients", {"patient_id": reference})
    (other_way,) = [name for name in DIRECTIONS if name != param]
    own, others = cursors(get(api, limit=1)), cursors(get(api_of_other, limit=1))
    of_patients = api.get("/patients?limit=1").json["next_cursor"]

    for cursor in (own[other_way], others[param], of_patients):
        assert api.get("/events", {param: cursor}).problem == (400, "bad_request", param)


def test_a_page_goes_in_one_direction(api, ten):
    assert api.get("/events", cursors(get(api, limit=1))).problem == (400, "bad_request", "ending_before")


@pytest.mark.parametrize("param", DIRECTIONS)
@pytest.mark.parametrize("cursor", ["x", "", " ", "0", ":", "\u00fc", "\x00", "x" * 3000, "NQ:abc", "-1", "null"])
def test_what_is_no_cursor_is_refused(api, ten, param, cursor):
    assert api.get("/events", {param: cursor}).problem == (400, "bad_request", param)


@pytest.mark.parametrize("param", DIRECTIONS)
def test_a_cursor_that_was_changed_is_refused(api, ten, param):
    body, _, signature = cursors(get(api, limit=1))[param].rpartition(":")
    forged = base64.urlsafe_b64encode(json.dumps(1).encode()).decode().rstrip("=")

    for cursor in (f"{forged}:{signature}", f"{body}:{signature[::-1]}", body):
        assert api.get("/events", {param: cursor}).problem == (400, "bad_request", param)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.0"])
def test_a_limit_is_an_integer_from_1_to_100(api, limit):
    assert api.get("/events", {"limit": limit}).problem == (400, "bad_request", "limit")


def test_ten_events_are_a_page_unless_the_caller_says_otherwise(api, ten, organization):
    tell(organization, 10)

    assert numbers(get(api)) == list(range(10, 0, -1))


# --- What it costs ---

FILL = """
    INSERT INTO webhooks_event (id, organization_id, type, object, api_version, patient_id, created_at)
    SELECT lpad(%(first)s || n::text, 26, '0'), %(organization)s, %(type)s, '{"number": 0}', '2026-04-25', NULL,
        now() - (%(rows)s - n) * interval '1 second'
    FROM generate_series(1, %(rows)s) n
"""


def fill(organization, rows: int, first: str, type_: str = "session.completed") -> None:
    with connection.cursor() as cursor:
        values = {"first": first, "organization": organization.pk, "type": type_, "rows": rows}
        cursor.execute(FILL, values)


@pytest.fixture
def very_many(organization, other_organization) -> None:
    """Events of ours that are all older than those of others, and few of one type, which are older still."""
    fill(organization, 30, "1", "session.expired")
    fill(organization, 30_000, "2")
    fill(other_organization, 30_000, "3")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_event")


def a_second_ago(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")


@pytest.mark.parametrize("filters", [{}, {"type": "session.expired"}, {"type": "session.completed"}], ids=str)
def test_a_page_reads_only_its_own_events_however_many_there_are(api, very_many, filters):
    first = get(api, **filters)
    deep = get(api, limit=20, **filters)
    for query in ({}, {"starting_after": deep["next_cursor"]}, {"ending_before": first["previous_cursor"]}):
        with CaptureQueriesContext(connection) as asked:
            get(api, **filters, **query)

        of_events = [statement for statement in statements(asked) if 'FROM "webhooks_event"' in statement]
        assert of_events
        for statement in of_events:
            assert_reads_little(plan_of(statement))


def test_what_is_recent_is_found_without_reading_what_is_old(api, very_many):
    since = a_second_ago(20)
    with CaptureQueriesContext(connection) as asked:
        assert len(get(api, since=since, limit=100)["data"]) <= 51

    (statement,) = [statement for statement in statements(asked) if 'FROM "webhooks_event"' in statement]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        assert "webhooks_event_since" in str(cursor.fetchall())


def test_every_page_costs_the_same_few_queries(api, ten, django_assert_num_queries):
    page = get(api, limit=2)

    for query, cost in (
        ({}, 4),
        ({"starting_after": page["next_cursor"]}, 4),
        ({"ending_before": page["previous_cursor"]}, 5),
    ):
        with django_assert_num_queries(cost):  # the key; the last place, who is writing; the events, and older ones
            get(api, limit=2, **query)
    with django_assert_num_queries(2):
        api.get(f"/events/{ten[0]}")
