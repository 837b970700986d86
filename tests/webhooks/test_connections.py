"""Apps are told once when access begins, when it is ended, and when a portal ends it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from patients import renewal
from patients.models import Connection, ConnectionStatus, Renewal
from patients.operations import disconnect
from patients.tokens import AccessEnded, AccessUnavailable, access_token
from sources.portal_errors import ExchangeRefused
from tests.api_client import Api
from tests.journey.conftest import registered
from tests.journey.patient import PatientBrowser
from tests.patients.connected import connect_at
from tests.patients.test_races import api_again, at_once
from tests.portals import Choices, Portal
from tests.webhooks.told import run, told, types_told
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def as_read(api: Api, connection: Connection) -> dict:
    """The connection as the patient's page in the API has it, and whose it is."""
    patient = api.get(f"/patients/{connection.patient.reference}").json
    [read] = [entry for entry in patient["connections"] if entry["id"] == f"conn_{connection.pk}"]
    return read | {"patient_id": patient["id"]}


def take_access_back(portal: Portal) -> None:
    """As patients do at the portal itself."""
    for issued in portal._grants.refresh.values():
        issued.grant.is_revoked = True


def let_access_end(connection: Connection) -> None:
    over = timezone.now() - timedelta(seconds=1)
    Connection.objects.filter(pk=connection.pk).update(access_expires_at=over, access_obtained_at=over)


def ask(connection: Connection) -> None:
    with pytest.raises(AccessEnded):
        access_token(connection.pk)


def test_a_new_connection_is_told_of_with_its_patient(api, connection, organization):
    assert told() == [("connection.created", as_read(api, connection))]
    assert told()[0][1]["status"] == "active"
    event = Event.objects.get()
    assert (event.organization, event.patient_id) == (organization, connection.patient_id)


def test_an_event_of_a_connection_has_no_token(connection):
    text = str(told())

    assert connection.access_token not in text
    assert connection.refresh_token not in text


def test_signing_in_again_is_told_of_with_the_same_id(api, browser, portal, riverside, connection):
    again = connect_at(api, browser, portal, riverside)

    assert types_told() == ["connection.created"] * 2
    (_, first), (_, second) = told()
    assert first["id"] == second["id"]
    assert second == as_read(api, again)
    assert second["patient_session_id"] != first["patient_session_id"]


def test_a_sign_in_that_came_to_nothing_is_not_told_of_by_itself(api, browser, portal, riverside, flow):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id), decision="deny"))

    assert Connection.objects.get().status == "failed"
    assert told() == []


def test_a_disconnection_is_told_of_once_however_often_it_is_asked_for(api, connection, path):
    api.delete(path)
    api.delete(path)

    assert types_told() == ["connection.created", "connection.disconnected"]
    assert told()[1][1] == as_read(api, connection)
    assert told()[1][1]["status"] == "disconnected"


def test_two_disconnections_at_once_are_told_of_once(api, connection, path):
    at_once(*[lambda: api_again(api).delete(path)] * 4)

    assert types_told().count("connection.disconnected") == 1


def test_a_disconnection_by_staff_is_told_of(admin_client, connection):
    admin_client.post(f"/admin/patients/connection/{connection.pk}/disconnect/")

    assert types_told() == ["connection.created", "connection.disconnected"]


def test_what_is_not_there_to_disconnect_is_not_told_of(api, api_of_other, connection, path):
    api_of_other.delete(path)
    api.delete(f"/patients/p-1/connections/conn_{'0' * 26}")

    assert types_told() == ["connection.created"]


def test_access_that_the_portal_ends_is_told_of(api, portal, connection):
    take_access_back(portal)
    let_access_end(connection)

    ask(connection)
    ask(connection)

    assert types_told() == ["connection.created", "connection.token_refresh_failed"]
    told_of = told()[1][1]
    assert told_of == as_read(api, connection)
    assert (told_of["status"], told_of["failure_code"]) == ("refresh_failed", "refresh_rejected")
    assert Event.objects.latest("pk").patient_id == connection.patient_id


def test_many_workers_who_find_the_access_ended_tell_of_it_once(portal, connection):
    take_access_back(portal)
    let_access_end(connection)

    at_once(*[lambda: ask(connection)] * 8)

    assert types_told().count("connection.token_refresh_failed") == 1


@pytest.mark.parametrize("leave", ["/patients/p-1", "the connection"])
def test_who_has_left_while_the_portal_was_refusing_has_no_access_that_could_end(api, connection, path, leave):
    renewal.begin(connection, timezone.now())
    api.delete(path if leave == "the connection" else leave)
    told_before = types_told()

    renewal.end_rejected(connection, ExchangeRefused("No.", portal_code="invalid_grant"), timezone.now())

    assert types_told() == told_before


def test_a_portal_that_is_down_is_not_told_of(portal, connection):
    portal.stop()
    let_access_end(connection)

    with pytest.raises(AccessUnavailable):
        access_token(connection.pk)

    assert types_told() == ["connection.created"]


def test_access_for_one_time_that_is_over_is_not_told_of(api, browser):
    with Portal(Choices(refresh_token=False)) as portal:
        connection = connect_at(api, browser, portal, registered(portal, name="Once"))
        let_access_end(connection)
        ask(connection)

    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.EXPIRED
    assert types_told() == ["connection.created"]


def test_of_a_sign_in_and_a_disconnection_at_once_the_last_event_is_the_truth(api, portal, riverside, connection, path):
    for _ in range(6):
        patient = PatientBrowser()
        new_flow = api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://app.example/"}).json
        back = portal.sign_in(patient.leave_for(new_flow, riverside.id))
        before = Event.objects.count()

        at_once(lambda: patient.open(back), lambda: api_again(api).delete(path))  # noqa: B023

        connection.refresh_from_db()
        new = told()[before:]
        assert [name for name, _ in new].count("connection.created") == 1
        assert new[-1][1]["status"] == connection.status


@pytest.fixture
def no_room_for_events():
    run("ALTER TABLE webhooks_event ADD CONSTRAINT full_up CHECK (false) NOT VALID")
    yield
    run("ALTER TABLE webhooks_event DROP CONSTRAINT full_up")


def test_a_disconnection_that_cannot_be_told_of_does_not_happen(api, connection, no_room_for_events):
    with pytest.raises(DatabaseError):
        disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())

    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.ACTIVE


def test_an_end_of_access_that_cannot_be_told_of_is_not_written_either(portal, connection, no_room_for_events):
    take_access_back(portal)
    let_access_end(connection)

    with pytest.raises(DatabaseError):
        access_token(connection.pk)

    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.ACTIVE
    assert not Renewal.objects.exists()
