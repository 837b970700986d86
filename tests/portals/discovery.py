"""What the portal says about itself."""

from dataclasses import dataclass
from typing import Any

from .choices import Choices

AUTH_METHODS = {
    "none": ("none",),
    "basic": ("client_secret_basic",),
    "post": ("client_secret_post",),
    "private_key_jwt": ("private_key_jwt",),
}


@dataclass(frozen=True)
class Addresses:
    """Where everything is, once the ports are known."""

    fhir_base: str
    issuer: str
    authorize: str
    token: str
    revoke: str
    jwks: str
    finish: str
    sign_in: str  # at the identity provider, or here
    elsewhere: str  # where faulty redirects lead


def smart_configuration(choices: Choices, addresses: Addresses) -> dict[str, Any]:
    """The document at .well-known/smart-configuration."""
    chosen, methods = AUTH_METHODS[choices.client_auth], choices.advertised_auth_methods
    announced = bool(choices.sends_iss) if choices.advertises_iss is None else choices.advertises_iss
    document = {
        "issuer": addresses.issuer,
        "jwks_uri": addresses.jwks,
        "authorization_endpoint": addresses.authorize,
        "token_endpoint": addresses.token,
        "revocation_endpoint": addresses.revoke if choices.revocation else None,
        "grant_types_supported": ["authorization_code"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": chosen if methods == "as_chosen" else methods,
        "token_endpoint_auth_signing_alg_values_supported": _signing(choices),
        "authorization_response_iss_parameter_supported": announced or None,
        "scopes_supported": choices.scopes_supported,
        "capabilities": _capabilities(choices),
    }
    return {name: value for name, value in document.items() if value is not None}


def capability_statement(addresses: Addresses) -> dict[str, Any]:
    """The document at /metadata, with the older way to announce the endpoints."""
    uris = {"authorize": addresses.authorize, "token": addresses.token}
    oauth = {
        "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
        "extension": [{"url": name, "valueUri": address} for name, address in uris.items()],
    }
    resources = [
        {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]}
        for kind in ("Patient", "Observation", "Condition")
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "security": {"extension": [oauth]}, "resource": resources}],
    }


def _signing(choices: Choices) -> list[str] | None:
    return ["RS384", "ES384"] if choices.client_auth == "private_key_jwt" else None


def _capabilities(choices: Choices) -> list[str]:
    kinds = {"none": "client-public", "private_key_jwt": "client-confidential-asymmetric"}
    return [
        "launch-standalone",
        kinds.get(choices.client_auth, "client-confidential-symmetric"),
        "context-standalone-patient",
        "permission-patient",
        "permission-offline",
        "permission-v1",
        "permission-v2",
        "authorize-post",
        "sso-openid-connect",
    ]
