"""Every way in which a request at the authorization endpoint can be wrong."""

import pytest
from django.contrib.auth import get_user_model

from tests.sandbox.conftest import CHALLENGE, REDIRECT_URI, query_of, text_of


def assert_sent_back(answer, error):
    back = query_of(answer["Location"])
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{REDIRECT_URI}?")
    assert back["error"] == error
    assert back["state"] == "a-state"
    assert "code" not in back


def test_a_right_request_leads_to_the_sign_in_page(riverside):
    answer = riverside.ask()

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sandbox/riverside/sign-in?next=")


def test_a_request_without_pkce_is_sent_back(riverside):
    assert_sent_back(riverside.ask(code_challenge=None, code_challenge_method=None), "invalid_request")


@pytest.mark.parametrize("method", ["plain", None, "S512"])
def test_only_the_s256_method_is_accepted(riverside, method):
    assert_sent_back(riverside.ask(code_challenge_method=method), "invalid_request")


@pytest.mark.parametrize("challenge", ["too-short", "x" * 200, CHALLENGE + "="])
def test_a_challenge_that_cannot_be_s256_is_sent_back(riverside, challenge):
    assert_sent_back(riverside.ask(code_challenge=challenge), "invalid_request")


@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        "https://elsewhere.example/fhir",
        "http://testserver/sandbox/riverside/fhir/",
        "http://testserver/sandbox/lakeshore/fhir",
    ],
)
def test_the_audience_must_be_the_fhir_base_url_of_the_system(riverside, aud):
    assert_sent_back(riverside.ask(aud=aud), "invalid_request")


@pytest.mark.parametrize("scope", [None, "openid fhirUser", "system/*.rs", "patient/Unicorn.rs", "patient/*.cruds"])
def test_a_request_for_nothing_that_can_be_granted_is_sent_back(riverside, scope):
    assert_sent_back(riverside.ask(scope=scope), "invalid_scope")


@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", None])
def test_only_codes_are_given(riverside, response_type):
    answer = riverside.ask(response_type=response_type)

    assert answer.status_code == 302
    assert query_of(answer["Location"])["error"] in (
        "unsupported_response_type",
        "invalid_request",
        "unauthorized_client",
    )


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "https://evil.example/callback",
        f"{REDIRECT_URI}/",
        f"{REDIRECT_URI}?more=1",
        f"{REDIRECT_URI}#fragment",
        "http://app.example/callback",
        "https://app.example:444/callback",
        "javascript:alert(1)",
        "not a url",
    ],
)
def test_a_redirect_uri_that_is_not_the_registered_one_gets_a_page_and_no_redirect(riverside, redirect_uri):
    answer = riverside.ask(redirect_uri=redirect_uri)

    assert answer.status_code == 400
    assert "Location" not in answer
    assert "Nothing was shared" in text_of(answer)


@pytest.mark.parametrize("client_id", [None, "nobody", "sandbox-lakeshore", "a\x00b"])
def test_a_client_of_another_system_gets_a_page_and_no_redirect(riverside, client_id):
    answer = riverside.ask(client_id=client_id)

    assert answer.status_code == 400
    assert "Location" not in answer


def test_a_parameter_given_twice_gets_a_page_and_no_redirect(riverside):
    answer = riverside.ask(state=["one", "two"])

    assert answer.status_code == 400


def test_a_damaged_address_gets_a_page(riverside):
    answer = riverside.browser.get("/sandbox/riverside/oauth/authorize?client_id=%zz")

    assert answer.status_code == 400


def test_openid_is_left_out_of_what_is_granted(riverside):
    tokens = riverside.tokens("maria", scope="openid fhirUser launch/patient patient/*.rs", nonce="n" * 300)

    assert tokens["scope"] == "launch/patient patient/*.rs"
    assert "id_token" not in tokens


def test_allowing_comes_back_with_a_code_and_the_state(riverside):
    back = riverside.come_back("maria")

    assert back["state"] == "a-state"
    assert set(back) == {"code", "state"}


def test_not_allowing_comes_back_with_access_denied(riverside):
    riverside.sign_in("maria")

    answer = riverside.decide("deny")

    assert_sent_back(answer, "access_denied")


def test_not_allowing_needs_no_choice_of_chart(riverside):
    riverside.sign_in("grace")

    answer = riverside.decide("deny")

    assert_sent_back(answer, "access_denied")


@pytest.mark.parametrize(("username", "error"), [("oscar", "server_error"), ("tina", "temporarily_unavailable")])
def test_some_portal_users_come_back_with_an_error_of_the_portal(riverside, username, error):
    riverside.sign_in(username)

    answer = riverside.decide("allow")

    assert_sent_back(answer, error)
    assert query_of(answer["Location"])["error_description"]


@pytest.mark.parametrize(
    ("username", "decision"), [("maria", "allow"), ("maria", "deny"), ("oscar", "allow"), ("tina", "allow")]
)
def test_evergreen_names_its_issuer_whatever_the_outcome(evergreen, username, decision):
    back = evergreen.come_back(username, decision=decision)

    assert back["iss"] == evergreen.configuration["issuer"]


def test_evergreen_names_its_issuer_when_the_request_is_wrong(evergreen):
    back = query_of(evergreen.ask(aud="https://elsewhere.example")["Location"])

    assert back["iss"] == evergreen.configuration["issuer"]


def test_portal_users_cannot_get_into_the_admin(sources, client):
    account = get_user_model().objects.get(username="sandbox.riverside.maria")

    assert not account.is_staff
    assert not account.has_usable_password()
