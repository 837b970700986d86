"""The token endpoint: proving who we are, exchanging the code, and checking what comes back.

The request is made by requests-oauthlib in a guarded session. Sources: RFC 6749 (4.1.3, 5, 2.3.1),
RFC 7523 and SMART App Launch 2.2 (client authentication), RFC 7636 (PKCE).
"""

import json
import os
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote_plus

import jwt
import requests
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from common import outbound
from sources.keys import own_key
from sources.portal_errors import ExchangeRefused, InvalidTokenResponse, MissingPatientContext, PortalUnreachable

# oauthlib's own check for https knows no loopback. The guarded session has the real one.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

ASSERTION_LIFETIME_SECONDS = 240  # SMART allows five minutes; clocks differ
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_TOKEN_LENGTH = 16 * 1024
MAX_PATIENT_LENGTH = 256
MAX_SCOPES_LENGTH = 16 * 1024
UNAVAILABLE = {429, 502, 503, 504}


@dataclass(frozen=True)
class Client:
    """Who we are at one portal. `auth_method`: none, basic, post or private_key_jwt."""

    client_id: str
    auth_method: str
    secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    key_id: str = ""


@dataclass(frozen=True)
class Access:
    """What a token answer grants, checked. `scopes` are those granted, whatever was asked for."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_at: datetime | None
    scopes: list[str]
    consent_expires_at: datetime | None


@dataclass(frozen=True)
class Tokens(Access):
    """The answer to a code: also whose record it opens."""

    patient: str


def exchange_code(
    client: Client,
    *,
    token_endpoint: str,
    reach: outbound.Reach,
    code: str,
    redirect_uri: str,
    verifier: str,
    asked_scopes: list[str],
    now: datetime,
) -> Tokens:
    """Exchange an authorization code for tokens.

    Raises PortalUnreachable, ExchangeRefused, InvalidTokenResponse or MissingPatientContext.
    Must not be called inside a transaction.
    """
    received: list[Tokens] = []

    def check(response: requests.Response) -> requests.Response:
        received.append(parse_answer(response.status_code, response.content, asked_scopes, now))
        # The library reads the answer once more, by rules of its own. It gets one that it cannot stumble over.
        response._content, response.encoding = b'{"access_token": "checked", "token_type": "Bearer"}', "utf-8"
        return response

    session = OAuth2Session(client.client_id, redirect_uri=redirect_uri)
    with outbound.guard(session, reach):
        session.register_compliance_hook("access_token_response", check)
        try:
            session.fetch_token(
                token_endpoint, code=code, code_verifier=verifier, **authentication(client, token_endpoint)
            )
        except (outbound.TooLarge, outbound.Redirected, outbound.AddressRefused) as error:
            raise InvalidTokenResponse(str(error)) from error
        except outbound.OutboundError as error:
            raise PortalUnreachable(str(error)) from error
    return received[0]


def authentication(client: Client, token_endpoint: str) -> dict[str, Any]:
    """What proves who we are, as arguments of OAuth2Session.fetch_token. Good for one request."""
    match client.auth_method:
        case "basic":
            # RFC 6749 2.3.1: both are form-encoded first. Strict servers refuse the raw form.
            return {"auth": HTTPBasicAuth(quote_plus(client.client_id), quote_plus(client.secret))}
        case "post":
            return {"include_client_id": True, "client_secret": client.secret}
        case "private_key_jwt":
            return {
                "include_client_id": True,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": client_assertion(client, token_endpoint),
            }
    return {"include_client_id": True}


def client_assertion(client: Client, token_endpoint: str) -> str:
    """A signed statement of who we are, good for one request (SMART App Launch 2.2, 3.1.5)."""
    issued = int(time.time())
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": token_endpoint,
        "iat": issued,
        "exp": issued + ASSERTION_LIFETIME_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, own_key(client.private_key), algorithm="RS384", headers={"kid": client.key_id})


def parse_answer(status: int, body: bytes, asked_scopes: list[str], now: datetime) -> Tokens:
    """The tokens in the answer to a code. Raises as `exchange_code` does."""
    answer = _checked(status, body)
    return Tokens(**vars(_access(answer, asked_scopes, now)), patient=_patient(answer.get("patient")))


def parse_refreshed(status: int, body: bytes, known_scopes: list[str], now: datetime) -> Access:
    """The tokens in the answer to a refresh token. Raises ExchangeRefused, InvalidTokenResponse, PortalUnreachable."""
    return _access(_checked(status, body), known_scopes, now)


def _checked(status: int, body: bytes) -> dict[str, Any]:
    """Servers err with 401 and 403 where RFC 6749 says 400, and some with 200: the `error` decides."""
    answer = _json_object(body)
    if not 200 <= status < 300 or "error" in (answer or {}):
        _refuse(status, answer or {})
    if answer is None:
        raise InvalidTokenResponse("The token answer is not a JSON object.")
    kind = answer.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise InvalidTokenResponse("The token type is not Bearer.")
    return answer


def _access(answer: dict[str, Any], asked_scopes: list[str], now: datetime) -> Access:
    return Access(
        access=_token(answer, "access_token") or _missing("access_token"),
        refresh=_token(answer, "refresh_token"),
        expires_at=_expiry(answer.get("expires_in"), now),
        scopes=_scopes(answer.get("scope"), asked_scopes),
        consent_expires_at=_instant(answer.get("access_grant_expiration")),
    )


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _refuse(status: int, answer: dict[str, Any]) -> NoReturn:
    code = answer.get("error")
    description = answer.get("error_description")
    if status in UNAVAILABLE and not isinstance(code, str):
        raise PortalUnreachable(f"The token endpoint answered {status}.")
    raise ExchangeRefused(
        description if isinstance(description, str) else f"The token endpoint answered {status}.",
        portal_code=code if isinstance(code, str) else "",
    )


def _missing(name: str) -> NoReturn:
    raise InvalidTokenResponse(f"The token answer has no usable {name}.")


def _token(answer: dict[str, Any], name: str) -> str | None:
    value = answer.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TOKEN_LENGTH or not value.isascii() or not value.isprintable():
        _missing(name)
    return value


def _expiry(seconds: Any, now: datetime) -> datetime | None:
    """When the access token ends. Portals send numbers, numbers as text, or nothing (then None)."""
    try:
        lifetime = float(seconds)
        return now + timedelta(seconds=lifetime) if lifetime > 0 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _scopes(granted: Any, asked: list[str]) -> list[str]:
    """RFC 6749 5.1: an answer without a scope grants what was asked for."""
    if granted is None:
        return asked
    if not isinstance(granted, str) or len(granted) > MAX_SCOPES_LENGTH or not granted.isprintable():
        raise InvalidTokenResponse("The scope of the token answer is not text.")
    return granted.split()


def _instant(text: Any) -> datetime | None:
    """A time in UTC. None for what is none, has no offset, or lies outside the calendar."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _patient(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise MissingPatientContext("The token answer does not say which patient the record belongs to.")
    if len(value) > MAX_PATIENT_LENGTH or not value.isprintable() or "/" in value:
        raise InvalidTokenResponse("The patient id of the token answer is not usable.")
    return value
