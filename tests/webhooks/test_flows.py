"""Apps are told once when a flow ends, in the words of the dialect that made it."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.utils import timezone

from flows import closing
from flows.closing import complete_flow, expire_flow, expire_lapsed
from flows.dialects import DIALECTS
from flows.models import PatientFlow
from organizations.operations import create_organization
from patients.models import Patient
from tests.admin.world import new_flow
from tests.patients.test_races import at_once
from tests.webhooks.told import run, told, types_told
from webhooks.models import Event

RETURN_URL = "https://app.example/back"


def begin(api, dialect_name: str = "session", **body) -> dict:
    path = f"/{DIALECTS[dialect_name].path}"
    return api.post(path, {"patient_id": "p-1", "return_url": RETURN_URL, "metadata": {"visit": 7}} | body).json


def row_of(flow: dict) -> PatientFlow:
    return PatientFlow.objects.get(pk=flow["id"][-26:])


def read(api, flow: dict) -> dict:
    return api.get(f"/{DIALECTS[flow['resource_type']].path}/{flow['id']}").json


def finish(browser, flow: dict) -> None:
    browser.submit(f"{urlsplit(flow['url']).path}/return")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_completed_flow_is_told_of_as_a_get_of_its_dialect_answers(api, browser, portal, riverside, dialect):
    flow = begin(api, dialect)
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id))).follow()

    finish(browser, flow)

    type_, told_of = told()[-1]
    assert type_ == f"{dialect}.completed"
    assert told_of == read(api, flow)
    assert (told_of["id"], told_of["status"], told_of["metadata"]) == (flow["id"], "complete", {"visit": 7})
    assert [entry["status"] for entry in told_of["connections"]] == ["active"]


def test_the_link_of_a_flow_is_not_stored_in_clear(api):
    flow = begin(api, "session")
    api.post(f"/sessions/{flow['id']}/expire", {})

    with database.cursor() as cursor:
        cursor.execute("SELECT row_to_json(event)::text FROM webhooks_event AS event")
        [(row,)] = cursor.fetchall()
    assert flow["url"].rpartition("/")[2] not in row


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_flow_that_the_app_ends_is_told_of_as_expired(api, dialect):
    flow = begin(api, dialect)

    answer = api.post(f"/{DIALECTS[dialect].path}/{flow['id']}/expire", {}).json

    assert told() == [(f"{dialect}.expired", answer)]
    assert answer["status"] == "expired"


@pytest.mark.parametrize("other", ["patient-flows", "sessions", "patient-sessions"])
def test_the_dialect_that_made_the_flow_counts_not_the_one_that_ends_it(api, other):
    flow = begin(api, "patient_flow")

    api.post(f"/{other}/{flow['id']}/expire", {})

    [(type_, told_of)] = told()
    assert (type_, told_of["id"], told_of["resource_type"]) == ("patient_flow.expired", flow["id"], "patient_flow")


def test_flows_that_lapse_are_told_of_by_the_sweep_each_once(api):
    flows = [begin(api, name) for name in DIALECTS]
    later = timezone.now() + timedelta(hours=1)

    expire_lapsed(later)
    expire_lapsed(later)

    assert sorted(types_told()) == sorted(f"{name}.expired" for name in DIALECTS)
    assert {told_of["id"]: told_of["status"] for _, told_of in told()} == {flow["id"]: "expired" for flow in flows}
    assert set(Event.objects.values_list("created_at", flat=True)) == {later}


def test_beginning_reading_and_listing_flows_tells_nothing_also_when_they_have_lapsed(api):
    flow = begin(api)
    PatientFlow.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert read(api, flow)["status"] == "expired"
    assert api.get("/patients/p-1/sessions").json["data"][0]["status"] == "expired"
    assert told() == []


@pytest.mark.parametrize(("decision", "status", "code"), [("allow", "active", None), ("deny", "failed", "user_denied")])
def test_in_direct_mode_it_is_told_what_the_sign_in_led_to(api, browser, portal, riverside, decision, status, code):
    flow = begin(api, connection_id=riverside.id)
    leaving = browser.open(flow["url"]).location

    browser.open(portal.sign_in(leaving, decision=decision))

    assert types_told() == [*(["connection.created"] if decision == "allow" else []), "session.completed"]
    _, told_of = told()[-1]
    assert told_of == read(api, flow)
    assert [(entry["status"], entry["failure_code"]) for entry in told_of["connections"]] == [(status, code)]


def test_in_direct_mode_a_callback_that_is_sent_again_is_not_told_of_again(api, browser, portal, riverside):
    flow = begin(api, connection_id=riverside.id)
    back = portal.sign_in(browser.open(flow["url"]).location)

    browser.open(back)
    browser.open(back)

    assert types_told() == ["connection.created", "session.completed"]


def test_a_flow_that_is_closed_already_is_not_told_of_again(api, flow):
    row, now = row_of(flow), timezone.now()
    complete_flow(row, now)

    complete_flow(row, now)
    api.post(f"/patient-flows/{flow['id']}/expire", {})
    expire_lapsed(now + timedelta(days=2))

    assert types_told() == ["patient_flow.completed"]


def test_a_flow_whose_time_is_over_is_not_told_of_as_completed(flow):
    row = row_of(flow)

    complete_flow(row, row.expires_at)

    assert told() == []


def test_an_event_of_a_flow_is_of_its_workspace_and_about_its_patient(api, api_of_other, organization):
    api_of_other.post("/sessions", {"patient_id": "p-1", "return_url": RETURN_URL})
    row = row_of(begin(api))

    complete_flow(row, timezone.now())

    event = Event.objects.get()
    assert (event.organization, event.patient_id) == (organization, row.patient_id)


def test_completing_costs_three_queries_and_one_insert_beside_the_change(api, django_assert_num_queries):
    row = row_of(begin(api))

    # begin; the change; the flow with its patient, its connections; the event, the endpoints; end
    with django_assert_num_queries(7):
        complete_flow(row, timezone.now())
    with django_assert_num_queries(3):  # nothing changes, nothing is told
        complete_flow(row, timezone.now())


def test_a_sweep_tells_of_a_batch_at_the_cost_of_one(organization, django_assert_num_queries):
    patient = Patient.objects.create(organization=organization, reference="p-1")
    for rounds in (1, 40):
        for _ in range(rounds):
            new_flow(patient)
        # begin, begin; the change; the flows, their connections, the events, the endpoints; ends
        with django_assert_num_queries(9):
            assert expire_lapsed(timezone.now() + timedelta(hours=1)) == rounds
    assert Event.objects.count() == 41


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", [complete_flow, expire_flow], ids=["completed", "expired"])
def test_a_flow_whose_event_cannot_be_written_stays_open(end):
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    flow = new_flow(Patient.objects.create(organization=organization, reference="p-1"))
    run("ALTER TABLE webhooks_event ADD CONSTRAINT full_up CHECK (false) NOT VALID")
    try:
        with pytest.raises(DatabaseError):
            end(flow, timezone.now())
    finally:
        run("ALTER TABLE webhooks_event DROP CONSTRAINT full_up")

    assert PatientFlow.objects.get().status == "open"


@pytest.mark.django_db(transaction=True)
def test_many_who_end_the_same_flows_at_once_tell_of_each_once(monkeypatch):
    monkeypatch.setattr(closing, "BATCH", 3)
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    patient = Patient.objects.create(organization=organization, reference="p-1")
    flows = [new_flow(patient) for _ in range(12)]
    PatientFlow.objects.filter(pk__in=[flow.pk for flow in flows[6:]]).update(expires_at=timezone.now())

    def complete_all() -> None:
        for flow in flows:
            complete_flow(flow, flow.created_at)

    at_once(complete_all, complete_all, *[lambda: expire_lapsed(timezone.now())] * 3)

    ended = dict(PatientFlow.objects.values_list("pk", "status"))
    assert len(ended) == Event.objects.count() == 12
    assert {told_of["id"][-26:]: told_of["status"] for _, told_of in told()} == ended


@pytest.mark.django_db(transaction=True)
def test_two_presses_of_the_return_button_at_once_tell_once():
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    patient = Patient.objects.create(organization=organization, reference="p-1")
    for _ in range(8):
        flow = new_flow(patient)

        at_once(*[lambda flow=flow: complete_flow(flow, timezone.now())] * 4)

        assert [told_of["id"] for _, told_of in told()].count(flow.public_id) == 1
