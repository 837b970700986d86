"""The whole journey against a strict SMART server that is not ours (contract §6)."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from flows.models import Authorization, Outcome, PatientFlow
from patients.models import Connection


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_patient_finds_a_hospital_signs_in_and_goes_back(api, flow, riverside, portal, browser):
    found = browser.open(f"{flow['url']}?q=riversi")
    assert "Riverside Hospital" in found.text

    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id))).follow()
    assert "You are connected" in browser.text
    browser.submit(f"{urlsplit(flow['url']).path}/return")

    assert browser.status == 303
    assert browser.location.startswith("https://app.example/back?")
    public = flow["id"].removeprefix("pf_")
    assert query_of(browser.location) == {
        "patient_id": "p-1",
        "patient_session_id": f"ps_{public}",
        "patient_flow_id": f"pf_{public}",
    }
    answer = api.get(f"/patient-flows/{flow['id']}").json
    assert answer["status"] == "complete"
    assert [(entry["connection_id"], entry["status"]) for entry in answer["connections"]] == [(riverside.id, "active")]


def test_the_authorization_request_is_what_smart_asks_for(flow, riverside, portal, browser):
    asked = query_of(browser.leave_for(flow, riverside.id))

    assert asked["response_type"] == "code"
    assert asked["client_id"] == "medblocks"
    assert asked["redirect_uri"] == "http://testserver/oauth/callback"
    assert asked["aud"] == portal.fhir_base_url
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 32
    assert asked["scope"].split() == ["launch/patient", "patient/*.rs", "offline_access"]


def test_the_connection_keeps_what_was_granted_and_whose_record_it_is(flow, riverside, portal, browser):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))

    connection = Connection.objects.get()
    assert connection.status == "active"
    assert connection.fhir_patient_id == "patient-1"
    assert connection.access_token in portal.issued
    assert connection.refresh_token in portal.issued
    assert "patient/*.rs" in connection.scopes
    assert connection.access_expires_at is not None


def test_a_spent_callback_shown_twice_shows_the_same_result(flow, riverside, portal, browser):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    first = browser.open(back).follow().text

    second = browser.open(back).follow().text

    assert first == second
    assert Authorization.objects.get().outcome == Outcome.CONNECTED
    assert len(portal.received("/token")) == 1


def test_connecting_the_same_source_again_renews_the_connection_and_keeps_its_id(flow, riverside, portal, browser):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))
    first = Connection.objects.get()

    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))

    renewed = Connection.objects.get()
    assert renewed.id == first.id
    assert renewed.access_token != first.access_token


def test_a_patient_who_said_no_can_try_again_and_connect(api, flow, riverside, portal, browser):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id), decision="deny")).follow()
    assert "You chose not to share your records" in browser.text
    assert "Try again" in browser.text

    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id))).follow()

    assert "You are connected" in browser.text
    statuses = [
        (entry["status"], entry["failure_code"]) for entry in api.get(f"/sessions/{flow['id']}").json["connections"]
    ]
    assert statuses == [("active", None), ("failed", "user_denied")]


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_patient_at_the_portal_when_the_link_closes_still_gets_the_result(api, riverside, portal, browser, decision):
    flow = api.post("/sessions", {"patient_id": "p", "return_url": "https://app.example/", "expires_in": 60}).json
    leaving = browser.leave_for(flow, riverside.id)
    back = portal.sign_in(leaving, decision=decision)
    PatientFlow.objects.update(expires_at=timezone.now())

    browser.open(back).follow()

    assert ("You are connected" in browser.text) == (decision == "allow")
    assert "Connect another place" not in browser.text
    assert browser.submit(f"{urlsplit(flow['url']).path}/return").location.startswith(
        "https://app.example/?patient_id=p&"
    )
    assert api.get(f"/sessions/{flow['id']}").json["status"] == "expired"
