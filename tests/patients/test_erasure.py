"""Erasing a patient leaves nothing of them in any table, and costs the same however much there was."""

import re
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from common.encryption import box
from common.ids import new_ulid
from flows.models import Authorization, AuthorizationEvent, EventKind, PatientFlow, SourceRequest
from flows.tasks import sweep
from organizations.models import IdempotencyKey
from patients.erasure import erase, erase_patient
from patients.models import Connection, Patient, Revocation
from sources.models import Source
from tests.journey.conftest import registered
from tests.patients.connected import NEW_FLOW, connect_at, queued, run_jobs
from tests.portals import Choices, Portal
from webhooks.models import Event

REFERENCE, EMAIL, NAME = "mrn/4711 ü", "maria@home.example", "Maria Keller"
_CIPHERTEXT = re.compile(r"gAAAA[\w-]+=*")


def dump() -> str:
    """Every row of every table as text, what is encrypted in clear."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            rows += [f"{table}: {row}" for (row,) in cursor.fetchall()]
    assert len(tables) > 30
    return _CIPHERTEXT.sub(lambda found: box().decrypt(found[0].encode()).decode(), "\n".join(rows))


def without_that_event(text: str) -> str:
    """The dump but for what the app is told: that the patient was deleted, in its own words for a month."""
    return "\n".join(
        row for row in text.split("\n") if not row.startswith(f"webhooks_event: ({Event.objects.get().pk},")
    )


def traces(text: str, tokens: list[str]) -> list[str]:
    known = [REFERENCE, EMAIL, NAME, "private note", "flow note", "fhir-chart-9", "Granite Valley", "Contact Maria"]
    return [trace for trace in [*known, *tokens] if trace in text]


@pytest.fixture
def lived_in(api, browser, riverside, portal):
    """A patient with one of everything; the tokens they have."""
    api.post(
        "/patients",
        {"patient_id": REFERENCE, "email": EMAIL, "name": NAME, "metadata": {"note": "private note"}},
        Idempotency_Key="first",
    )
    with Portal(Choices(patient_id="fhir-chart-9")) as own:
        own_source = registered(own, name="Own", client_id="own")
        kept = connect_at(api, browser, own, own_source, patient_id=REFERENCE, metadata={"note": "flow note"})
        flow = api.post("/patient-flows", NEW_FLOW | {"patient_id": REFERENCE}, Idempotency_Key="second").json
        state = browser.leave_for(flow, own_source.id).split("state=")[1].split("&")[0]
        browser.open(f"/oauth/callback?state={state}&error=server_error&error_description=Contact+Maria")
        browser.leave_for(flow, riverside.id)  # and is still at this portal
        row = PatientFlow.objects.get(pk=flow["id"].removeprefix("pf_"))
        SourceRequest.objects.create(flow=row, organization=row.organization, name="Granite Valley")
        yield own, [kept.access_token, kept.refresh_token]


def test_nothing_of_the_patient_remains_in_any_table(api, lived_in):
    portal, tokens = lived_in
    patient_id = Patient.objects.get().pk
    flow_ids = list(PatientFlow.objects.values_list("pk", flat=True))
    app.configure_task("tests.about", allow_unknown=True).defer(patient_id=patient_id)
    before = dump()
    assert len(traces(before, tokens)) == 10  # or the test would prove nothing

    assert api.delete("/patients/mrn%2F4711%20%C3%BC").status == 200

    after = dump()
    assert Event.objects.get().object == {"id": REFERENCE, "resource_type": "patient", "deleted": True}
    after = without_that_event(after)
    assert traces(after, tokens) == tokens  # the revocation has them, for a while
    assert not [trace for trace in (patient_id, *flow_ids) if trace in after]
    for model in (Patient, PatientFlow, Connection, Authorization, AuthorizationEvent, SourceRequest):
        assert not model.objects.exists()

    run_jobs()

    assert traces(without_that_event(dump()), tokens) == []
    assert portal.violations == []


def test_other_patients_and_workspaces_keep_everything(api, api_of_other, browser, riverside, portal):
    for who in (api, api_of_other):
        for reference in ("p-1", "p-2"):
            who.post("/patient-flows", NEW_FLOW | {"patient_id": reference})
    connect_at(api, browser, portal, riverside, patient_id="p-2")

    api.delete("/patients/p-1")

    assert api_of_other.get("/patients/p-1").status == 200
    assert len(api.get("/patients/p-2").json["connections"]) == 1
    assert PatientFlow.objects.count() == 4
    assert not Revocation.objects.exists()


def grow(patient: Patient, source: Source, flows: int) -> None:
    """So many flows, each with a sign-in that made the one connection, and its trail."""
    now = timezone.now()
    made = Connection.objects.filter(patient=patient).first() or Connection.objects.create(
        patient=patient,
        source=source,
        flow_id=new_ulid(),
        status="active",
        access_token="a",
        refresh_token="r",
        fhir_patient_id="1",
    )
    rows = [
        PatientFlow(
            organization=patient.organization,
            patient=patient,
            dialect_name="session",
            return_url="https://app.example/",
            link_digest=new_ulid(),
            expires_at=now,
        )
        for _ in range(flows)
    ]
    PatientFlow.objects.bulk_create(rows, batch_size=2000)
    sign_ins = [
        Authorization(flow=row, source=source, connection=made, state_digest=new_ulid(), expires_at=now) for row in rows
    ]
    Authorization.objects.bulk_create(sign_ins, batch_size=2000)
    AuthorizationEvent.objects.bulk_create(
        [AuthorizationEvent(authorization=each, kind=EventKind.STARTED, at=now) for each in sign_ins], batch_size=2000
    )


def statements_to_erase(organization, reference: str, source: Source, *, flows: int) -> list[str]:
    patient = Patient.objects.create(organization=organization, reference=reference)
    grow(patient, source, flows)
    with CaptureQueriesContext(connection) as captured:
        erase_patient(organization=organization, reference=reference, now=timezone.now())
    return [query["sql"] for query in captured]


def test_a_patient_with_ten_thousand_flows_costs_no_more_statements_and_none_is_loaded(organization, riverside):
    few = statements_to_erase(organization, "few", riverside, flows=1)
    many = statements_to_erase(organization, "many", riverside, flows=10_000)

    assert len(many) == len(few) <= 31, many
    assert max(len(sql) for sql in many) <= max(len(sql) for sql in few) + 10  # no list of ids either
    assert not AuthorizationEvent.objects.exists()


def test_jobs_about_the_patient_go_and_others_stay(organization):
    ids = [Patient.objects.create(organization=organization, reference=name).pk for name in ("p-1", "p-2")]
    for patient_id in (ids[0], ids[0], ids[1]):
        app.configure_task("tests.about", allow_unknown=True).defer(patient_id=patient_id, run=1)
    app.configure_task("tests.nobody", allow_unknown=True).defer(run=1)
    first = ProcrastinateJob.objects.order_by("pk")[0].pk
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [first])

    erase_patient(organization=organization, reference="p-1", now=timezone.now())

    left = list(ProcrastinateJob.objects.order_by("pk").values_list("status", "task_name", "args"))
    assert left == [
        ("doing", "tests.about", {"patient_id": ids[0], "run": 1}),  # it finds nobody, and ends
        ("todo", "tests.about", {"patient_id": ids[1], "run": 1}),
        ("todo", "tests.nobody", {"run": 1}),
    ]


@pytest.mark.django_db
def test_jobs_of_a_patient_are_found_by_an_index():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'patients_jobs_of_patient'")
        assert "patient_id" in cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_it_is_all_or_nothing(api, browser, riverside, portal):
    connect_at(api, browser, portal, riverside)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
            "CREATE TRIGGER refuse BEFORE DELETE ON patients_patient EXECUTE FUNCTION refuse()"
        )
    before = dump()
    try:
        with pytest.raises(DatabaseError):
            erase_patient(organization=PatientFlow.objects.get().organization, reference="p-1", now=timezone.now())
        assert dump() == before
        assert queued() == []
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuse ON patients_patient; DROP FUNCTION refuse()")


def test_a_foreign_key_that_says_neither_cascade_nor_set_null_has_to_be_decided_on(riverside):
    with pytest.raises(TypeError, match=r"What becomes of \w+\.\w+ when a patient is erased\?"):
        erase(Source.objects.filter(pk=riverside.pk))


def test_a_link_of_an_erased_patient_is_not_known_any_more(api, browser, flow):
    api.delete("/patients/p-1")

    assert browser.open(flow["url"]).status == 404
    assert "We cannot find this page" in browser.text


def test_the_same_id_can_be_used_again_and_begins_anew(api, browser, portal, riverside):
    connect_at(api, browser, portal, riverside)
    api.delete("/patients/p-1")

    answer = api.post("/patients", {"patient_id": "p-1"})

    assert (answer.status, answer.json["metadata"]) == (200, {})
    assert api.get("/patients/p-1").json["connections"] == []


def test_a_stored_answer_of_an_idempotency_key_does_not_outlive_the_patient(api):
    body = {"patient_id": "p-1", "name": NAME}
    api.post("/patients", body, Idempotency_Key="k-1")
    api.delete("/patients/p-1")

    again = api.post("/patients", body, Idempotency_Key="k-1")

    assert again.problem == (409, "resource_conflict", "Idempotency-Key")
    assert not IdempotencyKey.objects.filter(answer__isnull=False).exists()
    assert api.get("/patients/p-1").status == 404


def test_sign_ins_that_end_by_the_sweep_after_an_erasure_are_no_failure(api, browser, flow, riverside):
    browser.leave_for(flow, riverside.id)
    Authorization.objects.update(redeemed_at=timezone.now() - timedelta(hours=1))
    api.delete("/patients/p-1")

    sweep(0)

    assert not Connection.objects.exists()


def test_nobody_is_told_by_the_log_who_was_erased(api, caplog):
    api.post("/patients", {"patient_id": "jane.doe@example.com"})
    caplog.clear()

    api.delete("/patients/jane.doe%40example.com")

    assert "patient erased" in caplog.text
    assert "jane.doe" not in caplog.text
