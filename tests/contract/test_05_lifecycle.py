"""Contract §5: the status of flows, the lists that it filters, and links that are ended early."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from flows.closing import complete_flow
from flows.models import PatientFlow
from organizations.operations import create_organization
from patients.models import Connection
from tests.api_client import Api
from tests.conftest import api_of

BODY = {"patient_id": "p-1", "return_url": "https://app.example/back"}
STATES = ["open", "complete", "complete, long ago", "expired", "expired, long ago", "lapsed"]


def make(api: Api, state: str = "open", **body) -> dict:
    """A flow that is in this state; a lapsed one's time is over, and no sweep has marked it yet."""
    made = api.post("/sessions", BODY | body).json
    row = PatientFlow.objects.filter(pk=made["id"][5:])
    if state.startswith("complete"):
        complete_flow(row.get(), timezone.now())
    elif state.startswith("expired"):
        api.post(f"/sessions/{made['id']}/expire", {})
    if state == "lapsed" or state.endswith("long ago"):
        row.update(expires_at=timezone.now())
    return api.get(f"/sessions/{made['id']}").json


def listed(api: Api, **query) -> list[dict]:
    return api.get("/patients/p-1/sessions", query).json["data"]


@pytest.mark.parametrize("state", STATES)
def test_status_is_true_at_the_moment_of_reading(api, state):
    made = make(api, state)

    assert made["status"] == ("expired" if state == "lapsed" else state.split(",")[0])
    assert listed(api) == [made]


def test_a_lapsed_flow_reads_expired_before_any_sweep_touched_it(api):
    make(api, "lapsed")

    assert PatientFlow.objects.get().status == "open"


@pytest.mark.parametrize("status", ["open", "complete", "expired"])
def test_a_list_can_be_asked_for_one_status_and_is_true_at_the_moment_of_reading(api, status):
    made = [make(api, state) for state in [*STATES, *STATES]]

    found = listed(api, status=status)

    assert found == [flow for flow in reversed(made) if flow["status"] == status]
    assert len(found) == {"open": 2, "complete": 4, "expired": 6}[status]


def test_a_flow_that_was_opened_for_a_whole_day_is_listed_as_open_to_its_last_second(api):
    made = make(api, expires_in=86400)
    now = timezone.now()
    PatientFlow.objects.update(created_at=now - timedelta(seconds=86340), expires_at=now + timedelta(seconds=60))

    assert [flow["id"] for flow in listed(api, status="open")] == [made["id"]]


@pytest.mark.parametrize("status", [None, "expired"])
def test_pages_of_a_list_are_newest_first_and_have_every_flow_once(api, status):
    made = [make(api, "expired")["id"] for _ in range(7)]
    query = {"limit": 3} | ({"status": status} if status else {})
    seen, cursor = [], None
    while True:
        page = api.get("/patients/p-1/sessions", query | ({"starting_after": cursor} if cursor else {})).json
        seen += [flow["id"] for flow in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == made[::-1]


def test_flows_of_the_same_instant_are_not_lost_between_two_pages(api):
    made = {make(api)["id"] for _ in range(4)}
    PatientFlow.objects.update(created_at=timezone.now())

    first = api.get("/patients/p-1/sessions", {"limit": 2}).json
    second = api.get("/patients/p-1/sessions", {"limit": 2, "starting_after": first["next_cursor"]}).json

    assert {flow["id"] for flow in first["data"] + second["data"]} == made


def test_a_cursor_of_one_status_or_patient_is_not_one_of_another(api):
    for patient in ("p-1", "p-1", "p-2"):
        make(api, patient_id=patient)
    cursor = api.get("/patients/p-1/sessions", {"limit": 1}).json["next_cursor"]

    for path, query in (("p-1", {"status": "open"}), ("p-2", {})):
        answer = api.get(f"/patients/{path}/sessions", query | {"starting_after": cursor})
        assert answer.problem == (400, "invalid_request", "starting_after")


@pytest.mark.parametrize(("status", "other"), [("open", "expired"), ("expired", "complete"), ("complete", "open")])
def test_a_cursor_of_one_status_is_not_one_of_another_status(api, status, other):
    for _ in range(2):
        make(api, status)
    cursor = api.get("/patients/p-1/sessions", {"status": status, "limit": 1}).json["next_cursor"]

    answer = api.get("/patients/p-1/sessions", {"status": other, "starting_after": cursor})

    assert answer.problem == (400, "invalid_request", "starting_after")


BAD_QUERIES = [
    *[("status", value) for value in ("", "Open", "closed", "open ", "open,expired")],
    *[("limit", value) for value in ("0", "101", "abc", "", "-1", "1.0", "٣")],
    *[("starting_after", value) for value in ("x", "eyJ", "a:b:c", "")],
    ("patient_id", "p-1"),
    ("page", "2"),
]


@pytest.mark.parametrize(("name", "value"), BAD_QUERIES)
def test_a_list_refuses_what_it_does_not_know_in_the_words_of_patients(api, name, value):
    make(api)

    assert api.get("/patients/p-1/sessions", {name: value}).problem == (400, "invalid_request", name)


def test_a_list_refuses_a_parameter_that_is_given_twice(api):
    make(api)

    answer = api.get("/patients/p-1/sessions?status=open&status=expired")

    assert answer.problem == (400, "invalid_request", "status")


def test_a_list_needs_the_scope_to_read_flows_and_that_alone(organization):
    make(api_of(organization))

    assert api_of(organization, scopes=["patient_sessions:read"]).get("/patients/p-1/sessions").status == 200
    refused = api_of(organization, scopes=["patients:read", "patient_sessions:write"]).get("/patients/p-1/sessions")
    assert refused.problem == (403, "insufficient_scope", None)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_list_is_only_read(api, method):
    make(api)

    assert api.request(method, "/patients/p-1/sessions").problem == (405, "method_not_allowed", None)


@pytest.mark.parametrize("flows", [1, 8])
def test_a_list_costs_the_same_queries_however_long_it_is(api, django_assert_num_queries, flows):
    for _ in range(flows):
        make(api)

    with django_assert_num_queries(4):  # the key, the patient, the flows, the connections of all of them
        assert len(listed(api)) == flows


# --- Ending a link ---


def test_expire_ends_an_open_link_at_once_and_changes_nothing_else(api):
    made = make(api, metadata={"a": 1})

    answer = api.post(f"/sessions/{made['id']}/expire", {})

    assert (answer.status, answer.json) == (200, made | {"status": "expired"})
    assert api.get(f"/sessions/{made['id']}").json == answer.json
    assert PatientFlow.objects.get().status == "expired"


@pytest.mark.parametrize("state", ["expired", "lapsed"])
def test_expire_answers_a_flow_that_is_expired_already_as_it_is(api, state):
    made = make(api, state)

    for _ in range(2):
        answer = api.post(f"/sessions/{made['id']}/expire", {})
        assert (answer.status, answer.json) == (200, made)


def test_expire_is_a_conflict_for_a_flow_that_is_complete(api):
    made = make(api, "complete")

    answer = api.post(f"/sessions/{made['id']}/expire", {})

    assert answer.problem == (409, "resource_conflict", None)
    assert "has gone back to the app" in answer.error["message"]
    assert api.get(f"/sessions/{made['id']}").json == made


def test_expire_takes_no_body_or_an_empty_object(api):
    for body in (b"", b"{}", b" { } "):
        made = make(api)
        assert api.send(f"/sessions/{made['id']}/expire", body).json["status"] == "expired"


@pytest.mark.parametrize(
    ("body", "param"),
    [({"status": "expired"}, "status"), ([], None), ([1], None), ("x", None), ("", None), (0, None), (5, None),
     (False, None), (None, None)],
)  # fmt: skip
def test_expire_refuses_any_field_and_leaves_the_link_open(api, body, param):
    made = make(api)

    assert api.post(f"/sessions/{made['id']}/expire", body).problem == (400, "bad_request", param)
    assert api.get(f"/sessions/{made['id']}").json["status"] == "open"


@pytest.mark.parametrize("flow_id", ["sess_x", "sess_" + "0" * 26, "xx_" + "0" * 26, "%00"])
def test_expire_of_a_flow_that_is_not_there_is_not_found(api, flow_id):
    assert api.post(f"/sessions/{flow_id}/expire", {}).problem == (404, "resource_not_found", None)


def test_expire_of_another_workspaces_flow_is_not_found_and_ends_nothing(api, api_of_other):
    made = make(api)

    assert api_of_other.post(f"/sessions/{made['id']}/expire", {}).problem == (404, "resource_not_found", None)
    assert api.get(f"/sessions/{made['id']}").json["status"] == "open"


def test_expire_needs_the_scope_to_write_flows(organization):
    made = make(api_of(organization))

    reader = api_of(organization, scopes=["patient_sessions:read"])
    assert reader.post(f"/sessions/{made['id']}/expire", {}).problem == (403, "insufficient_scope", None)


def test_expire_and_reading_cost_a_fixed_number_of_queries(api, django_assert_num_queries):
    made = make(api)

    with django_assert_num_queries(3):  # the key, the flow with its patient, its connections
        api.get(f"/sessions/{made['id']}")
    # And the patient, held, and the change, each in a transaction; the event: the flow, its connections, the row,
    # who listens.
    with django_assert_num_queries(13):
        api.post(f"/sessions/{made['id']}/expire", {})
    with django_assert_num_queries(10):  # also what became of it
        api.post(f"/sessions/{made['id']}/expire", {})


@pytest.mark.django_db(transaction=True)
def test_a_flow_that_is_expired_and_completed_at_the_same_instant_is_one_of_the_two_for_good():
    api = api_of(create_organization(name="Bluebird Health", environment="sandbox"))
    made = [make(api) for _ in range(10)]

    def end(number: int) -> int:
        flow = made[number // 2]
        try:
            if number % 2:
                return Api(api.key).post(f"/sessions/{flow['id']}/expire", {}).status
            complete_flow(PatientFlow.objects.get(pk=flow["id"][5:]), timezone.now())
            return 0
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(end, range(20)))[1::2]

    statuses = [api.get(f"/sessions/{flow['id']}").json["status"] for flow in made]
    assert [{"expired": 200, "complete": 409}[status] for status in statuses] == answers


def test_no_connection_is_made_by_ending_a_link(api):
    make(api, "expired")

    assert not Connection.objects.exists()
