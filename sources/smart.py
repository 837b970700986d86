"""SMART App Launch 2.2, the client's half up to the portal's door: configuration and authorization request.

Pure functions over bytes and strings; the requests are made in `discovery.py` and `token_endpoint.py`.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from oauthlib.oauth2 import WebApplicationClient

from common.outbound import AddressRefused, Reach, check_url
from sources.portal_errors import DiscoveryFailed

CONFIGURATION_PATH = "/.well-known/smart-configuration"
# What a pull needs and no more: whose record it is, reading it, and staying connected.
DEFAULT_SCOPES = ("launch/patient", "patient/*.rs", "offline_access")
MAX_URL_LENGTH = 2000
V1_SCOPES = {"patient/*.rs": "patient/*.read"}


@dataclass(frozen=True)
class SmartConfiguration:
    """What a portal says about itself, checked."""

    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None
    issuer: str | None
    sends_iss: bool
    capabilities: frozenset[str]
    scopes_supported: frozenset[str]


def parse_configuration(body: bytes, reach: Reach) -> SmartConfiguration:
    """The configuration in `body`. Raises DiscoveryFailed, saying why, for one we must not follow.

    Endpoints have to be addresses that a source of this reach may use: a document at a public
    portal that points to this machine or to plain http is refused.
    """
    document = _json_object(body)
    _check_offers(document)
    return SmartConfiguration(
        authorization_endpoint=_endpoint(document, "authorization_endpoint", reach),
        token_endpoint=_endpoint(document, "token_endpoint", reach),
        revocation_endpoint=_endpoint(document, "revocation_endpoint", reach)
        if document.get("revocation_endpoint")
        else None,
        issuer=_text(document, "issuer"),
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,
        capabilities=_names(document, "capabilities"),
        scopes_supported=_names(document, "scopes_supported"),
    )


def scopes_for(configuration: SmartConfiguration, registered: str) -> list[str]:
    """The scopes to ask for: those registered, else our default in the syntax the portal speaks."""
    if registered.strip():
        return registered.split()
    speaks_v1_only = "permission-v1" in configuration.capabilities and "permission-v2" not in configuration.capabilities
    wanted = [V1_SCOPES.get(scope, scope) if speaks_v1_only else scope for scope in DEFAULT_SCOPES]
    if configuration.scopes_supported and "offline_access" not in configuration.scopes_supported:
        wanted.remove("offline_access")  # strict portals refuse the whole request for one scope they do not know
    return wanted


def code_challenge(verifier: str) -> str:
    """PKCE's S256 challenge (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorization_url(
    configuration: SmartConfiguration,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: list[str],
    state: str,
    verifier: str,
    aud: str,
) -> str:
    """Where to send the patient's browser (SMART App Launch 2.2, 2.1.9)."""
    url: str = WebApplicationClient(client_id).prepare_request_uri(
        configuration.authorization_endpoint,
        redirect_uri=redirect_uri,
        scope=scopes,
        state=state,
        code_challenge=code_challenge(verifier),
        code_challenge_method="S256",
        aud=aud,
    )
    return url


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DiscoveryFailed("The SMART configuration is not JSON.") from error
    if not isinstance(document, dict):
        raise DiscoveryFailed("The SMART configuration is not a JSON object.")
    return document


def _check_offers(document: dict[str, Any]) -> None:
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise DiscoveryFailed("The portal does not offer PKCE with S256.")
    grants = document.get("grant_types_supported")
    if isinstance(grants, list) and "authorization_code" not in grants:
        raise DiscoveryFailed("The portal does not offer the authorization code grant.")


def _endpoint(document: dict[str, Any], name: str, reach: Reach) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not url.isprintable() or " " in url or not 0 < len(url) <= MAX_URL_LENGTH:
        raise DiscoveryFailed(f"The SMART configuration has no usable {name}.")
    try:
        check_url(url, reach)
    except AddressRefused as error:
        raise DiscoveryFailed(f"The {name} is refused: {error}") from error
    if urlsplit(url).fragment:
        raise DiscoveryFailed(f"The {name} has a fragment.")
    return url


def _text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    usable = isinstance(value, str) and value and value.isprintable() and len(value) <= MAX_URL_LENGTH
    return value if usable else None


def _names(document: dict[str, Any], name: str) -> frozenset[str]:
    value = document.get(name)
    return frozenset(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else frozenset()
