"""How PostgreSQL finds flows among very many: by an index, in order, and reading little else than the answer."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flows.models import PatientFlow
from patients.models import Patient

ROWS = 20_000
FEW = 20
FILL = """
INSERT INTO flows_patientflow (id, organization_id, patient_id, dialect_name, recommended_source_ids, return_url,
  status, metadata, link_digest, expires_at, completed_at, created_at)
SELECT lpad((%(start)s + n)::text, 26, '0'), %(organization)s, %(patient)s, 'session', '{}', 'https://app.example/',
  %(status)s, '{}', (%(start)s + n)::text, %(newest)s - n * interval '1 minute' + interval '1 day',
  CASE WHEN %(status)s = 'complete' THEN now() END, %(newest)s - n * interval '1 minute'
FROM generate_series(1, %(rows)s) n
"""


def fill(patient: Patient, status: str, age: timedelta, start: int) -> None:
    values = {
        "organization": patient.organization_id,
        "patient": patient.pk,
        "status": status,
        "newest": timezone.now() - age,
        "start": start,
        "rows": ROWS,
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
    analyze()


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE flows_patientflow")


def plan_of(statement: str) -> dict:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        [(found,)] = cursor.fetchall()
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def steps(plan: dict):
    yield plan
    for part in plan.get("Plans", []):
        yield from steps(part)


def statements(asked: CaptureQueriesContext) -> list[str]:
    """Those that were asked by querysets; of a planned statement (common/statements.py) Django knows no text."""
    return [query["sql"] for query in asked.captured_queries if query["sql"]]


def assert_reads_little(plan: dict) -> None:
    kinds = {step["Node Type"] for step in steps(plan)}
    assert not kinds & {"Seq Scan", "Bitmap Heap Scan"}, kinds
    for step in steps(plan):
        assert step["Actual Rows"] + step.get("Rows Removed by Filter", 0) <= FEW, step


@pytest.fixture
def patient(organization) -> Patient:
    return Patient.objects.create(organization=organization, reference="p-1")


@pytest.mark.parametrize("status", [None, "open", "complete", "expired"])
@pytest.mark.parametrize("newer", ["complete", "expired"])
def test_a_list_reads_only_its_own_flows_although_the_patient_has_very_many_others(api, patient, newer, status):
    older = {"complete": "expired", "expired": "complete"}[newer]
    fill(patient, newer, timedelta(days=2), 0)
    fill(patient, older, timedelta(days=60), ROWS)
    fill(Patient.objects.create(organization=patient.organization, reference="p-2"), "open", timedelta(0), 2 * ROWS)
    PatientFlow.objects.filter(status="open").update(expires_at=timezone.now() + timedelta(hours=12))
    api.post("/sessions", {"patient_id": "p-1", "return_url": "https://app.example/"})
    analyze()
    query = {"limit": 3} | ({"status": status} if status else {})
    cursor = api.get("/patients/p-1/sessions", query).json["next_cursor"]

    for page in [query, *([query | {"starting_after": cursor}] if cursor else [])]:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert api.get("/patients/p-1/sessions", page).status == 200
        statement = next(sql for sql in statements(asked) if 'FROM "flows_patientflow"' in sql)
        assert_reads_little(plan_of(statement))


def test_the_sweep_finds_lapsed_flows_among_very_many_by_their_time(patient):
    fill(patient, "complete", timedelta(days=2), 0)
    fill(patient, "open", timedelta(days=60), ROWS)
    PatientFlow.objects.filter(status="open", pk__gt=str(ROWS + 10).zfill(26)).update(
        expires_at=timezone.now() + timedelta(days=1)
    )

    batch = PatientFlow.objects.lapsed(timezone.now()).order_by("expires_at").values("pk")[:500]
    with CaptureQueriesContext(connection) as asked:
        assert len(batch) == 10

    assert_reads_little(plan_of(asked.captured_queries[0]["sql"]))


@pytest.mark.parametrize("column", ["link_digest", "id"])
def test_a_flow_is_found_by_its_id_or_the_digest_of_its_link_at_once(patient, column):
    fill(patient, "complete", timedelta(days=2), 0)
    flow = PatientFlow.objects.order_by("pk")[7]

    with CaptureQueriesContext(connection) as asked:
        assert PatientFlow.objects.get(**{column: getattr(flow, column)}) == flow

    assert_reads_little(plan_of(asked.captured_queries[0]["sql"]))
