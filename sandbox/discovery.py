"""What a system publishes about itself: the SMART configuration and the CapabilityStatement."""

from typing import Any

from sandbox import scopes
from sandbox.fhir.search import parameters_for
from sandbox.systems import AuthMethod, HealthSystem

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_AUTH_METHODS = {
    AuthMethod.NONE: "none",
    AuthMethod.BASIC: "client_secret_basic",
    AuthMethod.POST: "client_secret_post",
}


def smart_configuration(system: HealthSystem) -> dict[str, Any]:
    """SMART App Launch 2.2, 2.1.11. `issuer` is the one of RFC 8414; there is no OpenID provider."""
    client = "client-public" if system.auth_method is AuthMethod.NONE else "client-confidential-symmetric"
    document: dict[str, Any] = {
        "issuer": system.issuer,
        "authorization_endpoint": system.url("authorize"),
        "token_endpoint": system.url("token"),
        "revocation_endpoint": system.url("revoke"),
        "token_endpoint_auth_methods_supported": [_AUTH_METHODS[system.auth_method]],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scopes.supported(system),
        "capabilities": [
            "launch-standalone",
            client,
            "context-standalone-patient",
            "permission-offline",
            "permission-patient",
            "permission-v1",
            "permission-v2",
        ],
    }
    if system.sends_iss:
        document["authorization_response_iss_parameter_supported"] = True
    return document


def capability_statement(system: HealthSystem) -> dict[str, Any]:
    """FHIR R4's description of this server."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-15",
        "kind": "instance",
        "software": {"name": "Medblocks Connect sandbox"},
        "implementation": {"description": f"{system.name} (pretend data)", "url": system.fhir_base_url},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [
            {"mode": "server", "security": _security(system), "resource": [_resource(name) for name in system.types]}
        ],
    }


def _security(system: HealthSystem) -> dict[str, Any]:
    endpoints = {"authorize": "authorize", "token": "token", "revoke": "revoke"}
    return {
        "service": [{"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        "extension": [
            {
                "url": OAUTH_URIS,
                "extension": [{"url": name, "valueUri": system.url(path)} for name, path in endpoints.items()],
            }
        ],
    }


def _resource(name: str) -> dict[str, Any]:
    return {
        "type": name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": parameter, "type": kind} for parameter, kind in parameters_for(name).items()],
    }
