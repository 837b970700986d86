"""The page that says what came of it, as things are now and to whom they belong."""

from urllib.parse import urlsplit

import pytest

from flows.models import Authorization
from tests.journey.conftest import registered
from tests.journey.patient import PatientBrowser
from tests.portals import Choices, Portal


@pytest.fixture
def connected(browser, flow, riverside, portal):
    """The browser, on the page that says that it is connected."""
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id))).follow()
    assert "You are connected" in browser.text
    return browser


def test_a_connection_that_has_ended_since_is_told_as_that_and_may_be_made_again(api, connected, flow):
    [connection] = api.get(f"/patient-flows/{flow['id']}").json["connections"]
    assert api.delete(f"/patients/p-1/connections/{connection['id']}").status == 200

    connected.open(f"{flow['url']}/done")

    assert "Riverside Hospital You were connected here, but that connection has ended since." in connected.text
    assert "Connect again" in connected.text
    assert "Not connected yet" not in connected.text
    assert "Try again" not in connected.text


def test_a_parent_sees_that_a_second_chart_at_the_same_place_is_connected(api, connected, flow, riverside, portal):
    object.__setattr__(portal.choices, "patient_id", "child")

    connected.open(portal.sign_in(connected.leave_for(flow, riverside.id))).follow()
    assert "Riverside Hospital Connected: the records of 2 people" in connected.text

    [child, _] = api.get(f"/patient-flows/{flow['id']}").json["connections"]
    api.delete(f"/patients/p-1/connections/{child['id']}")
    assert "people" not in connected.open(f"{flow['url']}/done").text.split("It may take")[0]


def test_another_browser_with_the_link_learns_nothing_of_the_results_and_may_begin(connected, flow, riverside, portal):
    other = PatientBrowser().open(f"{flow['url']}/done").follow()

    assert "Find your hospital" in other.text
    assert "Connected" not in other.text
    other.open(portal.sign_in(other.leave_for(flow, riverside.id), decision="deny")).follow()
    assert "You chose not to share your records from here." in other.text


def test_a_sign_in_of_ones_own_does_not_show_those_of_another_browser(connected, flow):
    other = PatientBrowser()
    with Portal(Choices()) as second:
        lakeside = registered(second, name="Lakeside Clinic")
        other.open(second.sign_in(other.leave_for(flow, lakeside.id), decision="deny")).follow()

    assert "Lakeside Clinic You chose not to share" in other.text
    assert "Riverside" not in other.text
    assert "Lakeside" not in connected.open(f"{flow['url']}/done").text


def test_another_tab_of_the_same_browser_sees_the_results(connected, flow):
    another_tab = PatientBrowser()
    another_tab.client.cookies = connected.client.cookies

    assert "You are connected" in another_tab.open(f"{flow['url']}/done").text


def test_a_patient_whose_cookie_is_gone_can_go_on_and_go_back(connected, flow):
    connected.client.cookies.clear()

    connected.open(f"{flow['url']}/done").follow()

    assert "You used before" in connected.text
    connected.submit(f"{urlsplit(flow['url']).path}/return")
    assert connected.location.startswith("https://app.example/back?")


def test_direct_mode_at_a_portal_that_is_down_does_not_go_in_circles_without_cookies(browser, api, riverside, portal):
    body = {"patient_id": "p-1", "return_url": "https://app.example/back", "connection_id": riverside.id}
    flow = api.post("/sessions", body).json
    portal.stop()
    browser.open(flow["url"])
    browser.client.cookies.clear()

    browser.follow()

    assert "Your browser did not keep our cookie" in browser.text
    assert Authorization.objects.count() == 1


def test_a_patient_who_was_at_the_portal_when_another_tab_went_back_is_told_that_it_worked(
    browser, flow, riverside, portal
):
    leaving = browser.leave_for(flow, riverside.id)
    browser.open(flow["url"]).submit(f"{urlsplit(flow['url']).path}/return")

    browser.open(portal.sign_in(leaving)).follow()

    assert "You are connected" in browser.text
    assert "This link has closed in the meantime." in browser.text
    assert "You have finished here" in PatientBrowser().open(f"{flow['url']}/done").text
