"""Every exit of the exchange of a code for tokens."""

import base64

import pytest
from django.test import Client

from tests.sandbox.conftest import REDIRECT_URI, VERIFIER, ClientApp


@pytest.mark.parametrize("slug", ["riverside", "lakeshore", "evergreen"])
def test_a_code_becomes_tokens_with_the_launch_context(sources, slug):
    app = ClientApp(sources[slug])
    code = app.come_back("maria")["code"]

    answer = app.exchange(code)

    tokens = answer.json()
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in", "scope", "patient"}
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == app.source.scopes


def test_the_patient_is_the_one_whose_chart_is_read(riverside):
    tokens = riverside.tokens("maria")

    patient = riverside.read(f"Patient/{tokens['patient']}", tokens["access_token"]).json()

    assert patient["name"][0]["family"] == "Alvarez"


def test_a_parent_gets_the_chart_she_chose(riverside):
    own = riverside.tokens("grace", chart="grace")
    child = riverside.tokens("grace", chart="leo")

    patient = riverside.read(f"Patient/{child['patient']}", child["access_token"]).json()

    assert own["patient"] != child["patient"]
    assert patient["name"][0]["given"] == ["Leo"]


def test_one_portal_user_gets_tokens_for_nobody_s_chart(riverside):
    tokens = riverside.tokens("iris")

    answer = riverside.read("Patient", tokens["access_token"])

    assert "patient" not in tokens
    assert answer.status_code == 403


def test_without_offline_access_there_is_no_refresh_token(riverside):
    tokens = riverside.tokens("maria", scope="launch/patient patient/*.rs")

    assert "refresh_token" not in tokens
    assert tokens["scope"] == "launch/patient patient/*.rs"


@pytest.mark.parametrize(("slug", "hours"), [("riverside", 1), ("lakeshore", 1), ("evergreen", 10)])
def test_access_lasts_as_long_as_the_system_says(sources, slug, hours):
    app = ClientApp(sources[slug])

    tokens = app.tokens("maria")

    assert tokens["expires_in"] == hours * 3600


def test_a_code_works_only_once(riverside):
    code = riverside.come_back("maria")["code"]
    riverside.exchange(code)

    again = riverside.exchange(code)

    assert again.status_code == 400
    assert again.json()["error"] == "invalid_grant"


def test_a_code_used_twice_kills_the_tokens_made_from_it(riverside):
    code = riverside.come_back("maria")["code"]
    tokens = riverside.exchange(code).json()

    riverside.exchange(code)

    assert riverside.read("Patient", tokens["access_token"]).status_code == 401
    assert riverside.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_code_is_good_for_a_minute(riverside, wait):
    code = riverside.come_back("maria")["code"]

    wait(61)
    answer = riverside.exchange(code)

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 50}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code": "no-such-code"}, "invalid_grant"),
        ({"code": "nul\x00"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"redirect_uri": f"{REDIRECT_URI}/other"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"grant_type": "password", "username": "maria", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
    ],
    ids=str,
)
def test_a_wrong_exchange_is_refused_and_says_how(riverside, changes, error):
    code = riverside.come_back("maria")["code"]

    answer = riverside.exchange(**({"code": code} | changes))

    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_parameters_in_the_address_are_refused(riverside):
    answer = Client().post(f"{riverside.configuration['token_endpoint']}?code=%zz")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


def test_tokens_cannot_be_had_with_get(riverside):
    assert Client().get(riverside.configuration["token_endpoint"]).status_code == 405


def basic(client_id, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def exchange_with(app, headers=None, **credentials):
    body = {
        "grant_type": "authorization_code",
        "code": app.come_back("maria")["code"],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    return Client().post(app.configuration["token_endpoint"], body | credentials, headers=headers or {})


def assert_client_refused(answer):
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("secret", ["wrong", ""])
def test_riverside_refuses_a_wrong_secret(riverside, secret):
    assert_client_refused(exchange_with(riverside, basic("sandbox-riverside", secret)))


def test_riverside_wants_basic_credentials_form_encoded(riverside):
    raw = basic("sandbox-riverside", riverside.source.client_secret)

    assert_client_refused(exchange_with(riverside, raw))


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Basic bm9jb2xvbg=="])
def test_riverside_survives_a_broken_authorization_header(riverside, header):
    answer = exchange_with(riverside, {"Authorization": header})

    assert answer.status_code in (400, 401)


def test_riverside_refuses_a_secret_in_the_body(riverside):
    source = riverside.source

    assert_client_refused(exchange_with(riverside, client_id=source.client_id, client_secret=source.client_secret))


def test_riverside_refuses_a_confidential_client_without_its_secret(riverside):
    assert_client_refused(exchange_with(riverside, client_id="sandbox-riverside"))


def test_lakeshore_refuses_a_public_client_that_brings_a_secret(lakeshore):
    assert_client_refused(exchange_with(lakeshore, client_id="sandbox-lakeshore", client_secret="made-up"))


def test_evergreen_refuses_a_wrong_secret(evergreen):
    assert_client_refused(exchange_with(evergreen, client_id="sandbox-evergreen", client_secret="wrong"))


def test_a_code_of_one_system_does_not_work_at_another(riverside, lakeshore):
    code = riverside.come_back("maria")["code"]

    answer = lakeshore.exchange(code)

    assert answer.json()["error"] == "invalid_grant"


def test_a_client_of_one_system_is_unknown_at_another(riverside, lakeshore):
    code = riverside.come_back("maria")["code"]

    answer = lakeshore.exchange(code, client_id="sandbox-riverside")

    assert_client_refused(answer)


def test_parameters_that_the_endpoint_does_not_know_change_nothing(riverside):
    code = riverside.come_back("maria")["code"]

    answer = riverside.exchange(
        code, resource="http://testserver/sandbox/riverside/fhir/Patient/x", refresh_token_instance="x"
    )

    assert answer.status_code == 200
