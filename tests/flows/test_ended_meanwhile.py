"""The app ends a link while the patient is somewhere on the way."""

import threading
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from flows.models import Authorization, PatientFlow
from flows.sign_in import start_authorization
from patients.models import Connection
from sources.models import ClientRegistration, Source
from tests.eventually import eventually_waiting


def path_of(flow: dict) -> str:
    return urlsplit(flow["url"]).path


@pytest.fixture
def expire(api, flow):
    def ended() -> None:
        assert api.post(f"/patient-flows/{flow['id']}/expire", {}).status == 200

    return ended


def test_a_patient_at_the_portal_still_gets_the_connection_and_goes_back_to_the_app(
    api, browser, flow, riverside, portal, expire
):
    leaving = browser.leave_for(flow, riverside.id)
    expire()

    browser.open(portal.sign_in(leaving)).follow()

    assert browser.status == 200
    assert "You are connected" in browser.text
    assert "This link has closed in the meantime." in browser.text
    assert "Connect another place" not in browser.text
    read = api.get(f"/patient-flows/{flow['id']}").json
    assert (read["status"], [entry["status"] for entry in read["connections"]]) == ("expired", ["active"])
    browser.submit(f"{path_of(flow)}/return")
    assert browser.location.startswith("https://app.example/back?patient_id=p-1&")
    assert api.get(f"/patient-flows/{flow['id']}").json == read


def test_a_patient_whom_the_portal_turns_away_is_told_so_and_offered_no_second_try(
    browser, flow, riverside, portal, expire
):
    leaving = browser.leave_for(flow, riverside.id)
    expire()

    browser.open(portal.sign_in(leaving, decision="deny")).follow()

    assert "You chose not to share your records from here." in browser.text
    assert "Try again" not in browser.text


def test_a_patient_at_the_portal_in_direct_mode_goes_back_to_the_app_connected(api, browser, riverside, portal):
    body = {"patient_id": "p-1", "return_url": "https://app.example/back", "connection_id": riverside.id}
    flow = api.post("/sessions", body).json
    leaving = browser.open(flow["url"]).location
    api.post(f"/sessions/{flow['id']}/expire", {})

    browser.open(portal.sign_in(leaving))

    query = dict(parse_qsl(urlsplit(browser.location).query))
    assert (query["success"], query["connection_id"]) == ("true", riverside.id)
    assert api.get(f"/sessions/{flow['id']}").json["status"] == "expired"
    assert Connection.objects.get().status == "active"


@pytest.mark.parametrize("page", ["", "/confirm", "/done"])
def test_a_patient_on_our_pages_finds_the_link_closed_and_the_way_back_open(browser, flow, expire, page):
    browser.open(flow["url"])
    expire()

    browser.open(f"{path_of(flow)}{page}")

    assert browser.status == 410
    assert "This link has closed" in browser.text
    assert browser.submit(f"{path_of(flow)}/return").location.startswith("https://app.example/back?")


def test_a_patient_who_presses_the_button_of_an_ended_link_does_not_leave_for_the_portal(
    browser, flow, riverside, expire
):
    browser.open(flow["url"]).open(f"{path_of(flow)}/confirm?connection_id={riverside.id}")
    expire()

    browser.submit(f"{path_of(flow)}/connect", connection_id=riverside.id)

    assert browser.status == 410
    assert not Authorization.objects.exists()


@pytest.mark.parametrize("is_down", [False, True])
def test_no_sign_in_begins_where_the_link_is_ended_while_the_portal_is_asked_for_its_configuration(
    flow, riverside, portal, expire, is_down
):
    """The request found the flow open; the app's comes before the portal has answered."""
    found_open = PatientFlow.objects.select_related("organization", "patient").get()
    expire()
    if is_down:
        portal.stop()

    _, portal_url = start_authorization(
        flow=found_open,
        source=riverside,
        facility=None,
        registration=ClientRegistration.objects.get(),
        browser="a browser",
        now=timezone.now(),
    )

    assert portal_url is None
    assert not Authorization.objects.exists()
    assert not Connection.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_patient_who_chose_a_place_that_goes_at_the_same_moment_is_asked_to_choose_again(browser, flow, riverside):
    """An import is taken back, and its places and sources with it."""
    browser.open(flow["url"]).open(f"{path_of(flow)}/confirm?connection_id={riverside.id}")
    choosing = threading.Thread(
        target=lambda: (browser.submit(f"{path_of(flow)}/connect", connection_id=riverside.id), connection.close())
    )

    with transaction.atomic():
        Source.objects.all().delete()
        choosing.start()
        eventually_waiting()
    choosing.join()

    assert (browser.status, "Choose another place" in browser.text) == (404, True)
    assert not Authorization.objects.exists()
