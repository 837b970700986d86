"""Who may read what: tokens, scopes, compartments."""

import pytest
from django.test import Client

PROVIDER_SCOPES = "launch/patient offline_access patient/*.rs"


def assert_outcome(answer, status, code):
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["code"] == code


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc"])
def test_without_a_token_there_is_nothing_to_read(riverside, header):
    headers = {"Authorization": header} if header is not None else {}

    answer = Client().get("/sandbox/riverside/fhir/Patient", headers=headers)

    assert_outcome(answer, 401, "login")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["no-such-token", "ünïcode", "a b c"])
def test_an_unknown_token_is_refused(riverside, token):
    answer = riverside.read("Patient", token)

    assert_outcome(answer, 401, "login")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_token_in_the_address_does_not_count(riverside):
    tokens = riverside.tokens("maria")

    answer = Client().get("/sandbox/riverside/fhir/Patient", {"access_token": tokens["access_token"]})

    assert_outcome(answer, 401, "login")


def test_a_token_of_one_system_does_not_work_at_another(riverside, lakeshore):
    tokens = riverside.tokens("maria")

    assert_outcome(lakeshore.read("Patient", tokens["access_token"]), 401, "login")


def test_a_token_does_not_outlive_its_hour(riverside, wait):
    tokens = riverside.tokens("maria")

    wait(3601)

    assert_outcome(riverside.read("Patient", tokens["access_token"]), 401, "login")


def test_a_token_of_evergreen_lasts_for_ten_hours(evergreen, wait):
    tokens = evergreen.tokens("maria")

    wait(9 * 3600)

    assert evergreen.read("Patient", tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("scope", ["patient/Observation.rs", "patient/Observation.read"])
def test_a_scope_for_one_type_opens_no_other(riverside, scope):
    token = riverside.tokens("maria", scope=scope)["access_token"]

    assert riverside.read("Observation", token).status_code == 200
    assert_outcome(riverside.read("Condition", token), 403, "forbidden")


def test_reading_and_searching_are_two_rights(riverside):
    reader = riverside.tokens("maria", scope="patient/Patient.r")
    searcher = riverside.tokens("maria", scope="patient/Patient.s")["access_token"]

    assert riverside.read(f"Patient/{reader['patient']}", reader["access_token"]).status_code == 200
    assert_outcome(riverside.read("Patient", reader["access_token"]), 403, "forbidden")
    assert riverside.read("Patient", searcher).status_code == 200
    assert_outcome(riverside.read(f"Patient/{reader['patient']}", searcher), 403, "forbidden")


@pytest.mark.parametrize("scope", ["patient/*.rs", "patient/*.read"])
def test_a_wildcard_opens_every_type(riverside, scope):
    token = riverside.tokens("maria", scope=scope)["access_token"]

    assert riverside.read("Observation", token).status_code == 200
    assert riverside.read("Condition", token).status_code == 200


def test_another_patient_does_not_exist_for_this_token(riverside):
    maria, noah = riverside.tokens("maria"), riverside.tokens("noah")

    answer = riverside.read(f"Patient/{noah['patient']}", maria["access_token"])

    assert_outcome(answer, 404, "not-found")


@pytest.mark.parametrize("written", ["{}", "Patient/{}", "http://testserver/sandbox/riverside/fhir/Patient/{}"])
def test_searching_in_another_patient_s_chart_is_forbidden(riverside, written):
    maria, noah = riverside.tokens("maria"), riverside.tokens("noah")

    own = riverside.read("Condition", maria["access_token"], patient=written.format(maria["patient"]))
    other = riverside.read("Condition", maria["access_token"], patient=written.format(noah["patient"]))

    assert own.json()["total"] == 4
    assert_outcome(other, 403, "forbidden")


def test_another_patient_s_resources_do_not_exist_for_this_token(riverside):
    maria, noah = riverside.tokens("maria"), riverside.tokens("noah")
    theirs = riverside.read("Observation", noah["access_token"]).json()["entry"][0]["resource"]["id"]

    answer = riverside.read(f"Observation/{theirs}", maria["access_token"])

    assert_outcome(answer, 404, "not-found")


@pytest.mark.parametrize("path", ["Unicorn", "Coverage", "Observation/no-such-id", "Patient/1/_history", "", "$export"])
def test_what_is_not_there_is_not_found(riverside, path):
    token = riverside.tokens("maria")["access_token"]

    assert_outcome(riverside.read(path, token), 404, "not-found")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
@pytest.mark.parametrize("path", ["Patient", "Patient/1", "metadata"])
def test_nothing_can_be_written(riverside, method, path):
    answer = getattr(Client(enforce_csrf_checks=True), method)(f"/sandbox/riverside/fhir/{path}")

    assert_outcome(answer, 405, "not-supported")


def test_a_payer_has_claims_and_no_observations(evergreen):
    token = evergreen.tokens("maria")["access_token"]

    assert evergreen.read("ExplanationOfBenefit", token).json()["total"] == 53
    assert_outcome(evergreen.read("Observation", token), 404, "not-found")


def test_a_token_from_before_a_move_does_not_work_at_the_new_address(riverside, settings):
    token = riverside.tokens("maria")["access_token"]

    settings.BASE_URL = "http://localhost:9000"
    answer = Client().get("/sandbox/riverside/fhir/Patient", headers={"Authorization": f"Bearer {token}"})

    assert_outcome(answer, 401, "login")
