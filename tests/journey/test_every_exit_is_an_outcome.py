"""Whatever a portal does, the patient reads a page, the app a failure code, and staff the portal's own words."""

from datetime import timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.utils import timezone

from common.outbound import Limits, session
from flows.models import Authorization, AuthorizationEvent
from flows.sign_in import redirect_uri
from patients.models import Connection
from tests.journey.conftest import registered
from tests.portals import NASTY_DESCRIPTION, Choices, Portal

OAUTH_ERRORS = [
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "login_required",
    "something_of_their_own",
]


@pytest.fixture
def walk(api, browser):
    """Walk to a portal of these choices and back; the words of the completion screen."""

    def walked(choices: Choices, decision: str = "allow", **client) -> str:
        with Portal(choices) as portal:
            source = registered(portal, name="Riverside Hospital", **client)
            flow = api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json
            leaving = browser.leave_for(flow, source.id)
            if leaving.startswith("/c/"):
                browser.open(leaving)
            else:
                browser.open(portal.sign_in(leaving, decision=decision)).follow()
            walked.violations = portal.violations
            walked.answer = api.get(f"/patient-flows/{flow['id']}").json
        return browser.text

    return walked


def failure(walk) -> str:
    [connection] = walk.answer["connections"]
    assert connection["status"] == "failed"
    assert connection["id"] is None
    assert connection["failure_at"] is not None
    return connection["failure_code"]


def last_event() -> AuthorizationEvent:
    return AuthorizationEvent.objects.latest("at", "id")


def test_a_denial(walk):
    text = walk(Choices(), decision="deny")

    assert "You chose not to share your records from here. Nothing was shared." in text
    assert failure(walk) == "user_denied"
    assert (last_event().kind, last_event().portal_code) == ("denied", "access_denied")


@pytest.mark.parametrize("code", OAUTH_ERRORS)
def test_an_error_from_the_sign_in_page(walk, code):
    text = walk(Choices(authorize_error=code, authorize_error_description="Contact the help desk"))

    assert "Their sign-in page reported a problem" in text
    assert "Contact the help desk" not in text
    assert failure(walk) == "oauth_callback_failed"
    assert (last_event().portal_code, last_event().portal_description) == (code, "Contact the help desk")


def test_hostile_words_of_a_portal_are_kept_printable_and_never_shown_to_the_patient(walk, browser):
    walk(Choices(authorize_error="server_error", authorize_error_description=NASTY_DESCRIPTION))

    assert "<script>alert" not in browser.html
    assert last_event().portal_description.isprintable()
    assert len(last_event().portal_description) <= 500


@pytest.mark.parametrize("fault", ["empty_code", "no_code", "two_codes"])
def test_a_return_without_a_usable_code(walk, fault):
    text = walk(Choices(authorize_fault=fault))

    assert "Their sign-in page reported a problem" in text
    assert failure(walk) == "oauth_callback_failed"


TOKEN_FAULTS = {
    "error_400": "token_exchange_failed",
    "error_401": "token_exchange_failed",
    "error_403": "token_exchange_failed",
    "error_200": "token_exchange_failed",
    "null_description": "token_exchange_failed",
    "not_found": "token_exchange_failed",
    "server_error": "token_exchange_failed",
    "text_plain": "token_exchange_failed",
    "unavailable": "portal_unreachable",
    "close": "portal_unreachable",
    "html": "invalid_token_response",
    "malformed": "invalid_token_response",
    "array": "invalid_token_response",
    "null_token": "invalid_token_response",
    "no_token": "invalid_token_response",
    "redirect": "invalid_token_response",
    "huge": "invalid_token_response",
}


@pytest.mark.parametrize(("fault", "code"), TOKEN_FAULTS.items())
def test_a_token_endpoint_that_misbehaves(walk, fault, code):
    text = walk(Choices(token_fault=fault))

    assert "Not connected yet" in text
    assert "Nothing was shared." in text
    assert ("If it happens again, tell the team behind your app." in text) == (code != "portal_unreachable")
    assert failure(walk) == code
    assert not Connection.objects.exclude(access_token=None).exists()


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_token_endpoint_that_never_finishes_is_cut_off(walk, fault, monkeypatch):
    monkeypatch.setattr(session, "STANDARD", Limits(seconds=1.0))

    walk(Choices(token_fault=fault))

    assert failure(walk) == "portal_unreachable"


DISCOVERY_FAULTS = {
    "not_found": "discovery_failed",
    "server_error": "discovery_failed",
    "unavailable": "portal_unreachable",
    "html": "discovery_failed",
    "malformed": "discovery_failed",
    "array": "discovery_failed",
    "empty": "discovery_failed",
    "no_authorization_endpoint": "discovery_failed",
    "no_token_endpoint": "discovery_failed",
    "http_endpoints": "discovery_failed",
    "javascript_endpoints": "discovery_failed",
    "no_s256": "discovery_failed",
    "huge": "discovery_failed",
    "redirect": "discovery_failed",
    "close": "portal_unreachable",
}


@pytest.mark.parametrize(("fault", "code"), DISCOVERY_FAULTS.items())
def test_a_portal_whose_configuration_cannot_be_used(walk, fault, code):
    text = walk(Choices(discovery_fault=fault))

    assert "Not connected yet" in text
    assert failure(walk) == code
    assert Authorization.objects.get().outcome == code


def test_a_portal_that_is_down(api, browser, riverside, portal, flow):
    portal.stop()

    browser.open(browser.leave_for(flow, riverside.id))

    assert "Their sign-in page is not answering at the moment." in browser.text
    assert Authorization.objects.get().outcome == "portal_unreachable"


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ("absent", "missing_patient_context"),
        ("null", "missing_patient_context"),
        ("empty", "missing_patient_context"),
        ("number", "missing_patient_context"),
        ("list", "missing_patient_context"),
        ("very_long", "invalid_token_response"),
    ],
)
def test_tokens_that_do_not_say_whose_record_they_open(walk, context, code):
    walk(Choices(patient_context=context))

    assert failure(walk) == code


@pytest.mark.parametrize("kind", ["mac", "DPoP", ""])
def test_a_token_type_we_cannot_use(walk, kind):
    walk(Choices(token_type=kind))

    assert failure(walk) == "invalid_token_response"


@pytest.mark.parametrize(
    ("iss", "announced"), [("https://attacker.example", True), ("https://attacker.example", False), (False, True)]
)
def test_an_answer_that_names_another_issuer_or_none_is_not_believed(walk, iss, announced):
    walk(Choices(sends_iss=iss, advertises_iss=announced))

    assert failure(walk) == "oauth_callback_failed"
    assert last_event().portal_code in ("iss_mismatch", "iss_missing")


ODD_BUT_USABLE = [
    {"expires_in": "soon"},
    {"expires_in": "3600.0"},
    {"expires_in": []},
    {"expires_in": {}},
    {"expires_in": -1},
    {"expires_in": 1e300},
    {"access_grant_expiration": "9999-12-31T23:59:59-14:00"},
    {"access_grant_expiration": "0001-01-01T00:00:00+14:00"},
    {"access_grant_expiration": "never"},
    {"id_token": 5},
]


@pytest.mark.parametrize("fields", ODD_BUT_USABLE, ids=repr)
def test_an_odd_token_answer_connects_and_can_be_read_afterwards(api, walk, fields):
    text = walk(Choices(extra_fields=fields))

    assert "You are connected" in text
    assert api.get("/patients/p-1").status == 200


ODD_AND_USELESS = [
    {"scope": "patient/\ud800"},
    {"scope": 5},
    {"access_token": "x" * 20_000},
    {"access_token": "a\nb"},
    {"refresh_token": 5},
    {"patient": "a/b"},
    {"patient": "\x00"},
]


@pytest.mark.parametrize("fields", ODD_AND_USELESS, ids=lambda fields: repr(fields)[:40])
def test_a_token_answer_that_cannot_be_kept_is_invalid(walk, fields):
    walk(Choices(extra_fields=fields))

    assert failure(walk) == "invalid_token_response"


@pytest.mark.parametrize("issuer", ["a\x00b", "\ud800", "x" * 5000, "https://[bad", "https://x:99999/"])
def test_an_issuer_that_is_no_text_is_no_issuer(walk, issuer):
    assert "You are connected" in walk(Choices(issuer=issuer, sends_iss=False))


def test_a_description_that_grows_when_it_is_scrubbed_still_fits(browser, riverside, portal, flow):
    leaving = browser.leave_for(flow, riverside.id)
    state = leaving.split("state=")[1].split("&")[0]

    browser.open(f"/oauth/callback?state={state}&error=server_error&error_description={'code=a+' * 70}").follow()

    assert "reported a problem" in browser.text
    assert len(last_event().portal_description) <= 500


def test_a_portal_that_borrows_the_issuer_of_another_gets_neither_its_code_nor_our_verifier(api, browser):
    """The mix-up attack (RFC 9207): the bad portal sends the patient on to the good one."""
    with Portal(Choices(sends_iss=True)) as good, Portal(Choices(issuer=good.addresses.issuer, sends_iss=False)) as bad:
        source = registered(bad, name="Bad")
        good.register(client_id="medblocks", redirect_uri=redirect_uri())
        flow = api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json
        leaving = browser.leave_for(flow, source.id)
        onward = leaving.replace(bad.origins["portal"], good.origins["portal"])
        onward = onward.replace(quote(bad.origins["portal"], safe=""), quote(good.origins["portal"], safe=""))

        browser.open(good.sign_in(onward)).follow()

        assert "Not connected yet" in browser.text
        assert bad.received("/token") == []
        assert last_event().portal_code == "iss_mismatch"


def test_a_sign_in_that_took_longer_than_its_state_lives(api, browser, riverside, portal, flow):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    Authorization.objects.update(expires_at=timezone.now())

    browser.open(back).follow()

    assert "Signing in took longer than 15 minutes" in browser.text
    assert Connection.objects.get().failure_code == "oauth_state_expired"
    assert portal.received("/token") == []


@pytest.mark.parametrize(("seconds", "outcome"), [(-5, ("active", None)), (5, ("failed", "oauth_state_expired"))])
def test_a_patient_has_15_minutes_to_sign_in(api, browser, riverside, portal, flow, seconds, outcome):
    leaving = browser.leave_for(flow, riverside.id)

    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=seconds)):
        browser.open(portal.sign_in(leaving))

    [connection] = api.get(f"/patient-flows/{flow['id']}").json["connections"]
    assert (connection["status"], connection["failure_code"]) == outcome


def test_a_registration_deleted_while_the_patient_was_away(api, browser, riverside, portal, flow):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    riverside.client_registrations.all().delete()

    browser.open(back).follow()

    assert Connection.objects.get().failure_code == "oauth_callback_failed"


def test_a_failed_attempt_leaves_an_earlier_connection_alone_and_says_so(api, browser, riverside, portal, flow):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))
    before = Connection.objects.values().get(status="active")

    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id), decision="deny")).follow()

    assert Connection.objects.values().get(status="active") == before
    assert "You are connected" in browser.text
    assert "Your earlier connection still works; nothing has changed." in browser.text
    assert "Nothing was shared" not in browser.text
