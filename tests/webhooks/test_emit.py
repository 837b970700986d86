"""An event is a row, written in the transaction of the fact itself."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from common import versions
from common.ids import is_ulid
from webhooks.events import EventType
from webhooks.models import Event
from webhooks.operations import Fact, emit, emit_all


class Aside(Exception):
    """The fact did not come about after all."""


def test_an_event_bears_what_it_tells_of(organization):
    now = timezone.now()

    event = emit(organization, "connection.created", {"id": "conn_1", "scopes": ["a"]}, now=now, patient_id="P" * 26)

    stored = Event.objects.get()
    assert stored == event
    assert (stored.organization, stored.type, stored.object, stored.patient_id) == (
        organization, "connection.created", {"id": "conn_1", "scopes": ["a"]}, "P" * 26,
    )  # fmt: skip
    assert (stored.created_at, stored.api_version) == (now, versions.current())
    assert stored.public_id == f"evt_{stored.pk}"
    assert is_ulid(stored.pk)


@pytest.mark.parametrize("name", list(EventType))
def test_every_type_that_is_known_can_be_written(organization, name):
    assert emit(organization, name, {}, now=timezone.now()).type == name
    assert Event.objects.get().type == str(name)


def test_it_costs_one_insert_and_a_look_for_endpoints(organization, django_assert_num_queries):
    for workspace in (organization, organization.pk):
        with django_assert_num_queries(2):
            emit(workspace, EventType.PATIENT_DELETED, {}, now=timezone.now())
    assert Event.objects.filter(organization=organization).count() == 2


def test_many_facts_cost_no_more_and_keep_their_order(organization, django_assert_num_queries):
    facts = [
        Fact(organization_id=organization.pk, type="records.sync.completed", object={"n": number})
        for number in range(500)
    ]

    with django_assert_num_queries(2):
        emit_all(facts, now=timezone.now())

    assert [event.object["n"] for event in organization.events.order_by("pk")] == list(range(500))


def test_no_facts_cost_nothing(organization, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert emit_all([], now=timezone.now()) == []


@pytest.mark.parametrize("name", ["", "*", "session.opened", "Session.Completed", "session.completed ", "session\x00"])
def test_a_type_that_is_not_known_is_refused(organization, name):
    with pytest.raises(ValueError):
        emit(organization, name, {}, now=timezone.now())
    assert not Event.objects.exists()


def test_of_facts_with_one_of_an_unknown_type_none_is_written(organization):
    facts = [Fact(organization_id=organization.pk, type=name, object={}) for name in ("patient.deleted", "odd")]

    with pytest.raises(ValueError):
        emit_all(facts, now=timezone.now())
    assert not Event.objects.exists()


def test_the_database_holds_no_other_type_either(organization):
    odd = Event(organization=organization, type="session.opened", object={}, created_at=timezone.now())

    with pytest.raises(IntegrityError, match="webhooks_event_type_known"), transaction.atomic():
        odd.save()


@pytest.mark.django_db(transaction=True)
def test_outside_of_a_transaction_it_is_refused(organization):
    with pytest.raises(ValueError, match="in the transaction of what it tells of"):
        emit(organization, "patient.deleted", {}, now=timezone.now())
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_goes_with_the_transaction_of_its_fact(organization):
    def tell_and_think_again() -> None:
        with transaction.atomic():
            emit(organization, "patient.deleted", {}, now=timezone.now())
            raise Aside

    with pytest.raises(Aside):
        tell_and_think_again()
    assert not Event.objects.exists()


def test_events_go_with_their_workspace(organization, other_organization):
    for workspace in (organization, other_organization):
        emit(workspace, "patient.deleted", {}, now=timezone.now())

    organization.delete()

    assert list(Event.objects.values_list("organization_id", flat=True)) == [other_organization.pk]


def write(organization, type_: str, number: int) -> None:
    facts = [
        Fact(organization_id=organization.pk, type=type_, object={}, patient_id=f"P-{place}") for place in range(number)
    ]
    emit_all(facts, now=timezone.now())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("organization_id = %s ORDER BY place DESC LIMIT 11", "webhooks_event_feed "),
        (
            "organization_id = %s AND type = 'patient.deleted' ORDER BY place DESC LIMIT 11",
            "webhooks_event_feed_of_type",
        ),
        ("organization_id <> %s AND type = 'session.expired' ORDER BY id DESC LIMIT 11", "webhooks_event_by_type"),
        ("organization_id = %s AND patient_id = 'P-7'", "webhooks_event_by_patient"),
    ],
    ids=["of a workspace", "of a workspace and type", "of a type", "of a patient"],
)
def test_looking_for_events_that_are_few_among_many_is_answered_by_an_index(
    organization, other_organization, query, index
):
    write(other_organization, "patient.deleted", 4000)
    write(other_organization, "session.expired", 400)
    write(organization, "session.completed", 1990)
    write(organization, "patient.deleted", 10)

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_event")
        cursor.execute(f"EXPLAIN SELECT id FROM webhooks_event WHERE {query}", [organization.pk])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert index in plan
