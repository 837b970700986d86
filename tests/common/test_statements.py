"""Statements: the same objects that a queryset reads, by a plan that PostgreSQL keeps."""

import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from bench.recording import recorded
from common.statements import Statement, columns_but, relate
from flows.connections import connections_of
from flows.dialects import PATIENT_FLOW
from flows.models import PatientFlow
from flows.operations import FlowPlan, create_flow
from organizations.models import ApiKey, Organization
from organizations.operations import create_api_key
from sources.models import ClientRegistration, Source
from sources.operations import NewClient, add_source
from sources.searching import rows


def plain(instance):
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


@pytest.fixture
def registration(db):
    add_source(
        name="Riverside",
        fhir_base_url="https://fhir.riverside.example/r4",
        environment="sandbox",
        client=NewClient(client_id="us", secret="hush"),
    )
    return ClientRegistration.objects.get()


def test_values_are_those_of_a_queryset_and_secrets_are_decrypted(registration):
    statement = Statement(
        "SELECT {columns} FROM {registration} LEFT JOIN {owner} ON owner.id = registration.organization_id",
        registration=(ClientRegistration, None),
        owner=(Organization, None),
    )

    ((read, owner),) = statement.rows()

    assert plain(read) == plain(registration)
    assert read.client_secret == "hush"
    assert owner is None
    assert read == registration
    assert not read._state.adding


def test_what_was_read_beside_a_row_is_what_its_foreign_key_leads_to(registration, django_assert_num_queries):
    statement = Statement(
        "SELECT {columns} FROM {registration} JOIN {source} ON source.id = registration.source_id",
        registration=(ClientRegistration, None),
        source=(Source, None),
    )
    ((read, source),) = statement.rows()

    relate(read, source=source, organization=None)
    assert source.pk == registration.source_id

    with django_assert_num_queries(0):
        assert read.source is source
        assert read.organization is None


def test_what_was_read_can_be_saved_and_followed(registration):
    statement = Statement("SELECT {columns} FROM {registration}", registration=(ClientRegistration, None))
    ((read,),) = statement.rows()

    read.client_id = "other"
    read.save()

    assert ClientRegistration.objects.get().client_id == "other"
    assert read.source.name == "Riverside"


def test_columns_that_are_not_named_are_read_when_asked_for(organization, django_assert_num_queries):
    Organization.objects.update(logo=b"png")
    statement = Statement(
        "SELECT {columns} FROM {organization}", organization=(Organization, columns_but(Organization, "logo"))
    )
    ((read,),) = statement.rows()

    with django_assert_num_queries(0):
        assert read.name == organization.name
    with django_assert_num_queries(1):
        assert bytes(read.logo) == b"png"


def test_a_statement_is_one_query_and_its_plan_is_kept(organization, django_assert_num_queries):
    _, secret = create_api_key(organization=organization, name="a")
    ApiKey.objects.with_secret(secret)

    with django_assert_num_queries(1):
        assert ApiKey.objects.with_secret(secret).organization == organization
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%digest%%'")
        assert cursor.fetchone() == (1,)


def test_what_goes_wrong_is_raised_as_by_a_queryset(organization):
    nonsense = Statement("SELECT {columns} FROM {organization} WHERE 1 / %s = 1", organization=(Organization, None))

    with pytest.raises(DataError), transaction.atomic():
        list(nonsense.rows(0))
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            ApiKey.objects.with_secret("mb_sk_x")


def test_whoever_listens_to_statements_hears_of_these(organization):
    with recorded() as heard:
        PatientFlow.objects.of(organization, "0" * 26)

    asked = [step.parameters for step in heard.steps if "flows_patientflow" in step.sql]
    assert asked == [["0" * 26, organization.pk]]


def known_key(number):
    ApiKey.objects.with_secret(f"mb_sk_{number}")


def flow_of_a_link(number):
    PatientFlow.objects.with_token(f"{number:032x}")


def flow_of_an_id(number):
    PatientFlow.objects.of(Organization.objects.get(), f"{number:026}")


def connections_of_a_flow(number):
    connections_of(PatientFlow(pk=f"{number:026}"))


def offered_sources(number):
    ids = Source.objects.values_list("pk", flat=True)[: number % 3 + 1]
    Source.objects.offered_of(list(ids), Organization.objects.get())


# Numbers of several sizes, each of which psycopg would give a type of its own.


def portals_of_places(number):
    list(rows.portals_of([number**6] * (number % 3 + 1)))


def portals(number):
    list(rows.portals([number**6] * (number % 3 + 1)))


def new_flow(number):
    plan = FlowPlan(patient_reference=f"p-{number}", return_url="https://app.example/")
    create_flow(plan, organization=Organization.objects.get(), dialect=PATIENT_FLOW, now=timezone.now())


@pytest.mark.parametrize(
    "ask",
    [
        known_key,
        flow_of_a_link,
        flow_of_an_id,
        connections_of_a_flow,
        offered_sources,
        portals_of_places,
        portals,
        new_flow,
    ],
)
def test_what_every_request_asks_is_planned_once_whatever_it_asks_for(organization, registration, ask):
    """PostgreSQL plans the first five anew, then keeps a plan unless planning for the very values seems to pay."""
    # A table of few rows would be read whole, and so planned the same whatever the values.
    Source.objects.bulk_create(
        Source(pk=f"{number:032x}", name="Lake", fhir_base_url=f"https://{number}.example/r4", environment="sandbox")
        for number in range(2_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sources_source")
        cursor.execute("DEALLOCATE ALL")
        for number in range(1, 13):
            ask(number)
        cursor.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name LIKE '_pg3%%'")
        assert cursor.fetchall() == [(7, 5)]


@pytest.mark.parametrize("hostile", ["", "'", "%s", "%", "{columns}", "\\", "é" * 300])
def test_values_never_become_part_of_the_statement(organization, hostile):
    assert ApiKey.objects.with_secret(hostile) is None
    assert PatientFlow.objects.with_token(hostile) is None


def test_a_json_column_is_parsed(api):
    made = api.post("/sessions", {"patient_id": "p", "return_url": "https://app.example/", "metadata": {"a": [1]}}).json

    assert PatientFlow.objects.with_token(made["url"].rpartition("/")[2]).metadata == {"a": [1]}
