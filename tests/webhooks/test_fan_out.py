"""Every endpoint that wants an event has a delivery of its own, written with the event (contract §9)."""

import contextlib
import json

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.utils import timezone

from common import versions
from common.versions.change import Change, Version
from flows.closing import complete_flow
from flows.dialects import DIALECTS
from flows.models import PatientFlow
from tests.webhooks.endpoints import disabled_endpoint, due_to, new_endpoint
from webhooks import operations
from webhooks.models import Delivery, Event
from webhooks.operations import Fact, emit, emit_all

RETURN_URL = "https://app.example/back"


class Aside(Exception):
    """The fact did not come about after all."""


def tell(organization, type_: str = "patient.deleted", **object_) -> Event:
    return emit(organization, type_, object_, now=timezone.now())


def completed(api, dialect: str = "patient_flow") -> dict:
    """A flow of that dialect, complete."""
    path = f"/{DIALECTS[dialect].path}"
    flow = api.post(path, {"patient_id": "p-1", "return_url": RETURN_URL}).json
    complete_flow(PatientFlow.objects.get(pk=flow["id"][-26:]), timezone.now())
    return api.get(f"{path}/{flow['id']}").json


def test_a_delivery_has_the_bytes_that_the_contract_describes(organization):
    endpoint = new_endpoint(organization)

    event = tell(organization, "connection.created", id="conn_1", name="Zoë")

    (delivery,) = due_to(endpoint)
    assert json.loads(delivery.body) == {
        "id": delivery.public_id,
        "object": "event",
        "type": "connection.created",
        "api_version": "2026-04-25",
        "created_at": event.created_at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{event.created_at.microsecond // 1000:03}Z",
        "fact_id": event.public_id,
        "data": {"object": {"id": "conn_1", "name": "Zoë"}},
    }
    assert delivery.public_id != event.public_id
    assert (delivery.next_attempt_at, delivery.attempts, delivery.delivered_at) == (event.created_at, 0, None)


def test_each_endpoint_has_an_id_of_its_own_and_all_have_the_fact_in_common(organization):
    for _ in range(3):
        new_endpoint(organization)

    event = tell(organization)

    bodies = [delivery.content for delivery in Delivery.objects.all()]
    assert len({body["id"] for body in bodies}) == 3
    assert {body["fact_id"] for body in bodies} == {event.public_id}


@pytest.mark.parametrize(
    ("wanted", "gets"),
    [
        (["*"], True),
        (["patient.deleted"], True),
        (["connection.created", "patient.deleted"], True),
        (["connection.created"], False),
        (["patient_flow.completed"], False),
    ],
)
def test_an_endpoint_gets_what_it_subscribed_to(organization, wanted, gets):
    endpoint = new_endpoint(organization, *wanted)
    tell(organization)
    assert [delivery.type for delivery in due_to(endpoint)] == ["patient.deleted"] * gets


def test_another_workspace_is_told_of_nothing(organization, other_organization):
    new_endpoint(other_organization)
    emit_all([Fact(organization_id=organization.pk, type="patient.deleted", object={})], now=timezone.now())
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_events_include_a_flow_in_the_dialect_that_created_it(api, organization, dialect):
    endpoint = new_endpoint(organization, "*")

    flow = completed(api, dialect)

    (delivery,) = due_to(endpoint)
    assert delivery.type == delivery.content["type"] == f"{dialect}.completed"
    assert delivery.content["data"]["object"] == flow


@pytest.mark.parametrize("made_in", DIALECTS)
@pytest.mark.parametrize("wanted", DIALECTS)
def test_whoever_subscribed_to_one_name_gets_every_flow_by_that_name(api, organization, made_in, wanted):
    endpoint = new_endpoint(organization, f"{wanted}.completed")

    flow = completed(api, made_in)

    (delivery,) = due_to(endpoint)
    told = delivery.content["data"]["object"]
    read = api.get(f"/{DIALECTS[wanted].path}/{flow['id']}").json
    assert delivery.type == f"{wanted}.completed"
    assert told == read


def test_a_flow_is_told_of_once_by_its_own_name_if_the_endpoint_asked_for_all_three(api, organization):
    endpoint = new_endpoint(organization, "session.completed", "patient_session.completed", "patient_flow.completed")
    completed(api, "patient_session")
    assert [delivery.type for delivery in due_to(endpoint)] == ["patient_session.completed"]


@pytest.mark.parametrize("wanted", [["*", "session.completed"], ["session.completed", "*"]])
def test_all_events_beside_a_name_include_a_flow_once_by_its_own_name(api, organization, wanted):
    endpoint = new_endpoint(organization, *wanted)
    completed(api, "patient_flow")
    assert [delivery.type for delivery in due_to(endpoint)] == ["patient_flow.completed"]


def test_of_two_names_that_are_not_its_own_it_gets_the_first_that_the_endpoint_asked_for(api, organization):
    endpoint = new_endpoint(organization, "session.completed", "patient_session.completed")
    completed(api, "patient_flow")
    assert [delivery.type for delivery in due_to(endpoint)] == ["session.completed"]


def test_what_happens_while_an_endpoint_is_disabled_is_kept_for_it(organization):
    endpoint = disabled_endpoint(organization)

    tell(organization)

    assert endpoint.deliveries.count() == 1
    assert due_to(endpoint) == []


def test_without_the_fact_there_is_nothing_to_send(organization):
    new_endpoint(organization)
    with contextlib.suppress(Aside), transaction.atomic():
        tell(organization)
        raise Aside
    assert not Delivery.objects.exists()


def test_a_fact_has_one_delivery_for_an_endpoint(organization):
    new_endpoint(organization)
    tell(organization)
    again = Delivery.objects.get()
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_the_link_of_a_flow_is_in_the_bytes_and_not_in_clear_in_the_database(api, organization):
    endpoint = new_endpoint(organization)
    flow = completed(api)
    with database.cursor() as cursor:
        cursor.execute("SELECT string_agg(delivery::text, '') FROM webhooks_delivery delivery")
        (dumped,) = cursor.fetchone()

    token = flow["url"].rsplit("/", 1)[1]
    assert token not in dumped
    assert token in due_to(endpoint)[0].body


def test_it_costs_one_query_more_if_somebody_wants_to_know(organization, django_assert_num_queries):
    facts = [Fact(organization_id=organization.pk, type="patient.deleted", object={}) for _ in range(50)]
    for endpoints in (1, 20):
        while organization.webhook_endpoints.count() < endpoints:
            new_endpoint(organization)
        with django_assert_num_queries(3):
            emit_all(facts, now=timezone.now())
    assert Delivery.objects.count() == 50 * 21


def test_very_many_are_written_some_at_a_time(organization, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(operations, "DELIVERIES_AT_ONCE", 10)
    for _ in range(5):
        new_endpoint(organization)
    facts = [Fact(organization_id=organization.pk, type="patient.deleted", object={}) for _ in range(5)]

    with django_assert_num_queries(2 + 3):
        emit_all(facts, now=timezone.now())

    assert Delivery.objects.count() == 25


def test_an_endpoint_is_told_in_the_version_that_it_is_pinned_to(organization, api, monkeypatch):
    endpoint = new_endpoint(organization)
    change = Change("The name was called full_name.", objects={"patient": lambda old: old | {"full_name": old["name"]}})
    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, Version(date="2027-03-01", changes=(change,))])
    newer = new_endpoint(organization, api_version="2027-03-01")

    tell(organization, resource_type="patient", name="Pat")

    told = {each: due_to(each)[0].content for each in (endpoint, newer)}
    assert told[endpoint]["data"]["object"] == {"resource_type": "patient", "name": "Pat", "full_name": "Pat"}
    assert told[endpoint]["api_version"] == "2026-04-25"
    assert told[newer]["data"]["object"] == {"resource_type": "patient", "name": "Pat"}
    assert told[newer]["api_version"] == "2027-03-01"
