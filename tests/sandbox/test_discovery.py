import pytest
from django.test import Client

from sandbox.systems import SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.slug)
def test_every_system_publishes_a_smart_configuration(system):
    answer = Client().get(f"/sandbox/{system.slug}/fhir/.well-known/smart-configuration")

    configuration = answer.json()
    assert answer["Content-Type"] == "application/json"
    assert configuration["authorization_endpoint"] == f"http://testserver/sandbox/{system.slug}/oauth/authorize"
    assert configuration["token_endpoint"] == f"http://testserver/sandbox/{system.slug}/oauth/token"
    assert configuration["revocation_endpoint"] == f"http://testserver/sandbox/{system.slug}/oauth/revoke"
    assert configuration["code_challenge_methods_supported"] == ["S256"]
    assert configuration["grant_types_supported"] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.slug)
def test_no_system_claims_to_be_an_openid_provider(system):
    configuration = Client().get(f"/sandbox/{system.slug}/fhir/.well-known/smart-configuration").json()

    assert not {"openid", "fhirUser"} & set(configuration["scopes_supported"])
    assert "sso-openid-connect" not in configuration["capabilities"]


def test_each_system_has_its_own_way_to_authenticate_clients():
    methods = [
        Client()
        .get(f"/sandbox/{system.slug}/fhir/.well-known/smart-configuration")
        .json()["token_endpoint_auth_methods_supported"]
        for system in SYSTEMS
    ]

    assert methods == [["client_secret_basic"], ["none"], ["client_secret_post"], ["client_secret_basic"]]


def test_only_evergreen_announces_iss_on_the_way_back():
    announced = [
        system.slug
        for system in SYSTEMS
        if Client()
        .get(f"/sandbox/{system.slug}/fhir/.well-known/smart-configuration")
        .json()
        .get("authorization_response_iss_parameter_supported")
    ]

    assert announced == ["evergreen"]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.slug)
def test_every_system_has_a_capability_statement(system):
    answer = Client().get(f"/sandbox/{system.slug}/fhir/metadata")

    statement = answer.json()
    assert answer["Content-Type"] == "application/fhir+json"
    assert statement["fhirVersion"] == "4.0.1"
    assert [resource["type"] for resource in statement["rest"][0]["resource"]] == list(system.types)


@pytest.mark.parametrize("path", ["", "sign-in", "oauth/authorize", "fhir/metadata", "fhir/Patient"])
def test_an_unknown_system_does_not_exist(path):
    answer = Client().get(f"/sandbox/atlantis/{path}")

    assert answer.status_code == 404
