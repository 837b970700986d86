"""What was told of a patient goes with them; that they were deleted is told once."""

import threading

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.utils import timezone

from flows.closing import complete_flow
from flows.models import PatientFlow
from organizations.models import IdempotencyKey
from patients.erasure import erase_patient
from patients.models import Patient
from tests.contract.conftest import stopping_at  # noqa: F401  a fixture
from tests.eventually import eventually_waiting
from tests.patients.connected import NEW_FLOW, connect_at
from tests.patients.test_races import api_again, at_once
from tests.webhooks.dispatching import beside
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.told import refuse_to_delete, run, told, types_told
from webhooks import views
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def begin(api, reference: str = "p-1") -> PatientFlow:
    flow = api.post("/patient-flows", NEW_FLOW | {"patient_id": reference}).json
    return PatientFlow.objects.get(pk=flow["id"][-26:])


def test_a_deletion_takes_the_events_along_and_leaves_one_that_says_so(api, connection, path, organization):
    complete_flow(begin(api), timezone.now())
    api.delete(path)
    assert len(told()) == 3

    api.delete("/patients/p-1")

    assert told() == [("patient.deleted", {"id": "p-1", "resource_type": "patient", "deleted": True})]
    event = Event.objects.get()
    assert (event.organization, event.patient_id) == (organization, None)


def test_events_about_others_stay(api, api_of_other):
    for workspace in (api, api_of_other):
        for reference in ("p-1", "p-2"):
            complete_flow(begin(workspace, reference), timezone.now())

    api.delete("/patients/p-1")

    assert types_told() == ["patient_flow.completed"] * 3 + ["patient.deleted"]
    assert {told_of.get("patient_id") for _, told_of in told()} == {"p-1", "p-2", None}
    assert Event.objects.filter(object__patient_id="p-1").get().organization.name == "Other Health"


def test_a_patient_who_is_not_there_is_not_told_of(api):
    assert api.delete("/patients/p-1").status == 404
    assert told() == []


def test_of_several_deletions_at_once_one_is_told_of(api):
    begin(api)

    at_once(*[lambda: api_again(api).delete("/patients/p-1")] * 4)

    assert types_told() == ["patient.deleted"]


def test_who_comes_again_and_is_deleted_again_is_told_of_twice(api):
    for _ in range(2):
        begin(api)
        api.delete("/patients/p-1")

    assert types_told() == ["patient.deleted"] * 2


def test_an_erasure_that_fails_keeps_the_events_and_tells_nothing(api, organization):
    complete_flow(begin(api), timezone.now())
    run(refuse_to_delete("patients_patient"))
    try:
        with pytest.raises(DatabaseError):
            erase_patient(organization=organization, reference="p-1", now=timezone.now())
    finally:
        run("DROP TRIGGER refuse ON patients_patient; DROP FUNCTION refuse()")

    assert types_told() == ["patient_flow.completed"]


def test_an_event_that_is_just_being_written_does_not_outlive_the_patient(api, stopping_at):  # noqa: F811
    """Who closes a flow does not hold the patient: the erasure has to wait for the flow, and look only then."""
    flow = begin(api)
    answers: list[int] = []
    close = threading.Thread(target=lambda: (complete_flow(flow, timezone.now()), database.close()))
    erase = threading.Thread(
        target=lambda: (answers.append(api_again(api).delete("/patients/p-1").status), database.close())
    )

    with stopping_at("webhooks_event", "AFTER INSERT") as reached:
        close.start()
        reached()
        erase.start()
        eventually_waiting(2)
    close.join()
    erase.join()

    assert answers == [200]
    assert not Patient.objects.exists()
    assert types_told() == ["patient.deleted"]


def test_the_answer_to_a_redelivery_at_the_same_moment_does_not_outlive_the_patient(api, organization, monkeypatch):
    endpoint = new_endpoint(organization)
    complete_flow(begin(api), timezone.now())
    path = f"/events/{endpoint.deliveries.get().public_id}/redeliver"
    sent, may_answer, real = threading.Event(), threading.Event(), views.redeliver

    def slowly(*asked):
        present = real(*asked)
        sent.set()
        assert may_answer.wait(30)
        return present

    monkeypatch.setattr(views, "redeliver", slowly)
    with beside(lambda: api_again(api).post(path, {}, Idempotency_Key="k-1")):
        assert sent.wait(30)
        with beside(lambda: api_again(api).delete("/patients/p-1")):
            eventually_waiting()
            may_answer.set()

    assert not IdempotencyKey.objects.filter(answer__isnull=False).exists()
    assert api.post(path, {}, Idempotency_Key="k-1").status == 409


def test_deletions_and_ends_at_the_same_instant_leave_no_event_about_nobody(api, browser, portal, riverside):
    for _ in range(8):
        connection = connect_at(api, browser, portal, riverside)
        flow = begin(api)
        path = f"/patients/p-1/connections/conn_{connection.pk}"

        at_once(
            lambda: complete_flow(flow, timezone.now()),  # noqa: B023
            lambda: api_again(api).delete(path),  # noqa: B023
            lambda: api_again(api).delete("/patients/p-1"),
        )

        assert not Patient.objects.exists()
        assert set(types_told()) == {"patient.deleted"}
