"""What staff may do with patients and connections: end an access, erase somebody. Both as the API does."""

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from flows.models import PatientFlow
from patients.models import Connection, Patient, Revocation
from tests.admin.conftest import address, staff, world  # noqa: F401  fixtures
from tests.admin.world import new_flow, new_sign_in
from tests.patients.connected import queued


def disconnect_path(world) -> str:  # noqa: F811
    return f"/admin/patients/connection/{world.connection.pk}/disconnect/"


def member_with(*permissions: str) -> Client:
    member = User.objects.create_user("new", password="correct horse battery", is_staff=True)
    member.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(member)
    return client


def test_staff_disconnect_after_being_asked(staff, world):  # noqa: F811
    page = staff.get(address(Connection, "change", world.connection.pk)).content.decode()
    assert disconnect_path(world) in page
    assert "Disconnect patient-1 from Riverside Hospital?" in staff.get(disconnect_path(world)).content.decode()
    assert Connection.objects.get(pk=world.connection.pk).status == "active"

    answer = staff.post(disconnect_path(world), follow=True)

    assert "Disconnected. The portal is told in the background." in answer.content.decode()
    ended = Connection.objects.get(pk=world.connection.pk)
    assert (ended.status, ended.access_token, ended.refresh_token) == ("disconnected", None, None)
    assert len(queued()) == Revocation.objects.count() == 1
    assert disconnect_path(world) not in answer.content.decode()


def test_an_access_that_has_ended_is_neither_ended_again_nor_pulled(staff, world):  # noqa: F811
    due = datetime(2031, 5, 6, tzinfo=UTC)
    Connection.objects.update(pull_due_at=due, refresh_due_at=due)
    path = address(Connection, "change", world.connection.pk)
    assert staff.get(path).content.decode().count("06 May 2031") == 2
    Connection.objects.filter(pk=world.connection.pk).update(status="disconnected")

    answer = staff.get(disconnect_path(world), follow=True)

    assert answer.redirect_chain == [(path, 302)]
    assert "has no access that could be ended" in answer.content.decode()
    assert "06 May 2031" not in answer.content.decode()


def test_an_attempt_that_failed_cannot_be_disconnected(staff, world):  # noqa: F811
    page = staff.get(address(Connection, "change", world.failed.pk)).content.decode()
    assert "disconnect/" not in page

    answer = staff.post(f"/admin/patients/connection/{world.failed.pk}/disconnect/", follow=True)

    assert "no connection with this id that could be disconnected" in answer.content.decode()
    assert Connection.objects.get(pk=world.failed.pk).status == "failed"


def test_a_connection_that_is_gone_is_not_found(staff, world):  # noqa: F811
    assert staff.post("/admin/patients/connection/01M00000000000000000000000/disconnect/").status_code == 404


def test_disconnecting_needs_the_right_to_change_connections(world):  # noqa: F811
    client = member_with("view_connection")

    assert client.get(address(Connection, "change", world.connection.pk)).status_code == 200
    assert client.get(disconnect_path(world)).status_code == 403
    assert client.post(disconnect_path(world)).status_code == 403


def test_staff_erase_a_patient_and_the_access_is_taken_back(staff, world):  # noqa: F811
    path = address(Patient, "delete", world.patient.pk)
    asked = staff.get(path).content.decode()
    assert "patient-1" in asked
    assert "All flows with their sign-ins and trails" in asked

    assert staff.post(path, {"post": "yes"})["Location"] == address(Patient, "changelist")

    assert not Patient.objects.exists()
    assert not PatientFlow.objects.exists()
    assert Revocation.objects.get().refresh_token == "refresh-token-9b"


def test_the_page_that_asks_has_the_words_that_its_scripts_need(staff, world):  # noqa: F811
    staff.get(address(Patient, "changelist"))

    html = staff.get(address(Patient, "delete", world.patient.pk)).content.decode()

    assert 0 < html.find("/admin/jsi18n/") < html.find("calendar.js")


def test_the_page_that_asks_loads_nothing_of_what_goes_along(staff, world, django_assert_max_num_queries):  # noqa: F811
    for _ in range(30):
        new_sign_in(new_flow(world.patient), world.source, world.registration, world.failed)

    with django_assert_max_num_queries(8):
        staff.get(address(Patient, "delete", world.patient.pk))


def test_erasing_needs_its_own_right(world):  # noqa: F811
    client = member_with("view_patient", "change_patient")

    assert client.get(address(Patient, "change", world.patient.pk)).status_code == 200
    assert client.post(address(Patient, "delete", world.patient.pk), {"post": "yes"}).status_code == 403
    assert Patient.objects.exists()


def test_nobody_erases_many_at_once(staff, world):  # noqa: F811
    chosen = {"action": "delete_selected", "_selected_action": [world.patient.pk], "post": "yes"}
    staff.post(address(Patient, "changelist"), chosen)

    assert Patient.objects.exists()


@pytest.mark.parametrize("trace", ["patient-1", "Ada", "fhir-1"])
def test_the_log_of_what_staff_did_names_no_patient(staff, world, trace):  # noqa: F811
    staff.post(disconnect_path(world))
    staff.post(address(Patient, "delete", world.patient.pk), {"post": "yes"})

    told = [f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()]
    assert sorted(told) == ["a patient ", f"conn_{world.connection.pk} Disconnected."]
    assert not [text for text in told if trace in text]


def test_revocations_are_shown_without_their_tokens(staff, world):  # noqa: F811
    staff.post(disconnect_path(world))
    Revocation.objects.update(last_error="The revocation endpoint answered 503.", attempts=3)
    waiting = staff.get(address(Revocation, "changelist")).content.decode()
    Revocation.objects.update(
        given_up_at="2026-01-01T00:00:00Z", next_attempt_at=None, refresh_token=None, access_token=None
    )
    given_up = staff.get(address(Revocation, "change", Revocation.objects.get().pk)).content.decode()

    assert "waits for the portal" in waiting
    assert "answered 503" in waiting
    assert "given up" in given_up
    for page in (waiting, given_up):
        assert "refresh-token-9b" not in page
        assert "patient-1" not in page
