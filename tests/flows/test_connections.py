"""What came of the sign-ins of flows, as a list of flows tells it."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from flows.models import Authorization, PatientFlow
from patients.models import Connection, Patient
from sources.models import Source
from sources.operations import NewClient, add_source
from tests.admin.world import new_connections, new_flow

numbers = itertools.count()
CONNECTION_SHAPE = ["id", "connection_id", "status", "failure_code", "failure_at", "created_at"]


@pytest.fixture
def patient(organization) -> Patient:
    return Patient.objects.create(organization=organization, reference="p-1")


@pytest.fixture
def source(db) -> Source:
    return add_source(
        name="Riverside",
        fhir_base_url="https://fhir.riverside.example/r4",
        environment="sandbox",
        client=NewClient(client_id="us"),
    )


def signed_in(flow: PatientFlow, connection: Connection) -> None:
    now = timezone.now()
    Authorization.objects.create(
        flow=flow,
        source=connection.source,
        connection=connection,
        state_digest=f"state-{next(numbers)}",
        browser_digest="browser",
        outcome=connection.failure_code or "connected",
        expires_at=now + timedelta(minutes=15),
        finished_at=now,
    )


def test_a_flow_has_what_came_of_its_sign_ins_newest_first_and_failed_ones_without_an_id(api, patient, source):
    flow = new_flow(patient)
    works, failed = new_connections(patient, source, flow)
    for connection in (works, failed):
        signed_in(flow, connection)

    [found] = api.get("/patients/p-1/sessions").json["data"]

    assert [list(connection) for connection in found["connections"]] == [CONNECTION_SHAPE] * 2
    second, first = found["connections"]
    assert (second["id"], second["status"], second["failure_code"]) == (None, "failed", "token_exchange_failed")
    assert (first["id"], first["status"], first["failure_code"]) == (f"conn_{works.id}", "active", None)
    assert {connection["connection_id"] for connection in found["connections"]} == {source.id}
    assert api.get(f"/sessions/{found['id']}").json == found


def test_a_connection_says_to_the_millisecond_when_it_was_made_and_when_it_failed(api, patient, source):
    flow, noon = new_flow(patient), datetime(2026, 4, 25, 12, 0, 0, 123456, tzinfo=UTC)
    _, failed = new_connections(patient, source, flow)
    signed_in(flow, failed)
    Connection.objects.filter(pk=failed.pk).update(created_at=noon, failure_at=noon + timedelta(hours=1))

    [flow_] = api.get("/patients/p-1/sessions").json["data"]

    [shown] = flow_["connections"]
    assert (shown["created_at"], shown["failure_at"]) == ("2026-04-25T12:00:00.123Z", "2026-04-25T13:00:00.123Z")


def test_a_connection_that_two_flows_renewed_is_listed_with_both_and_once_with_each(api, patient, source):
    first, second = new_flow(patient), new_flow(patient)
    works, _ = new_connections(patient, source, first)
    for flow in (first, first, second):
        signed_in(flow, works)

    found = api.get("/patients/p-1/sessions").json["data"]

    assert [[entry["id"] for entry in flow["connections"]] for flow in found] == [[f"conn_{works.id}"]] * 2
    assert [api.get(f"/sessions/{flow['id']}").json for flow in found] == found


def test_a_sign_in_that_is_under_way_is_no_connection(api, patient, source):
    flow = new_flow(patient)
    Authorization.objects.create(
        flow=flow, source=source, state_digest="s", browser_digest="b", expires_at=flow.expires_at
    )

    assert api.get("/patients/p-1/sessions").json["data"][0]["connections"] == []
    assert api.get(f"/sessions/ps_{flow.id}").json["connections"] == []


@pytest.mark.parametrize("flows", [1, 9])
def test_the_connections_of_a_page_cost_one_query_and_no_token_is_read(
    api, patient, source, django_assert_num_queries, flows
):
    for _ in range(flows):
        flow = new_flow(patient)
        _, failed = new_connections(patient, add_source_number(next(numbers)), flow)
        signed_in(flow, failed)

    api.get("/patients/p-1/sessions")  # notes that the key is used

    with django_assert_num_queries(4) as asked:  # the key, the patient, the flows, their connections
        found = api.get("/patients/p-1/sessions").json["data"]

    assert [len(flow["connections"]) for flow in found] == [1] * flows
    assert not any("_token" in (query["sql"] or "") for query in asked.captured_queries)


def add_source_number(number: int) -> Source:
    return add_source(name="S", fhir_base_url=f"https://{number}.example/r4", environment="sandbox")
