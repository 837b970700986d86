"""The revocation endpoint: telling a portal that a token is to end (RFC 7009)."""

import json
import re
from datetime import datetime, timedelta

import requests

from common import outbound
from sources.portal_errors import PortalError
from sources.smart import SmartConfiguration
from sources.token_endpoint import Client, authentication

LIMITS = outbound.Limits(seconds=10, max_bytes=64 * 1024)
# The token has ended already, or this portal cannot end tokens of its kind: either way nothing is left to do.
NOTHING_TO_REVOKE = {"invalid_token", "invalid_grant", "unsupported_token_type"}
_CODE = re.compile(r"[a-z_]{1,50}", re.ASCII)


class NotRevoked(PortalError):
    """The token still stands, as far as we know. `retry_after` is how long the portal asks to be left alone."""

    def __init__(self, description: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(description)
        self.retry_after = retry_after


def revoke_token(
    client: Client, *, token: str, kind: str, configuration: SmartConfiguration, reach: outbound.Reach, now: datetime
) -> None:
    """End `token`, an "access_token" or a "refresh_token", at a portal that has a revocation endpoint.

    Returns when it has ended, or cannot be ended there. Raises NotRevoked; its words hold nothing that the portal
    wrote but its error code, since portals repeat tokens in their descriptions. Must not be called inside a
    transaction.
    """
    proof = authentication(client, configuration.token_endpoint)
    auth = proof.pop("auth", None)
    who = {"client_id": client.client_id} if proof.pop("include_client_id", False) else {}
    try:
        with outbound.guard(requests.Session(), reach, LIMITS) as session:
            answer = session.post(
                configuration.revocation_endpoint or "",
                data={"token": token, "token_type_hint": kind, **who, **proof},
                auth=auth,
                headers={"Accept": "application/json"},
            )
    except outbound.OutboundError as error:
        raise NotRevoked(str(error)) from error
    _check(answer, now)


def _check(answer: requests.Response, now: datetime) -> None:
    """RFC 7009 2.2: the status says it all; the body of a success means nothing."""
    if answer.ok:
        return
    code = _error_code(answer.content)
    if answer.status_code == requests.codes.bad_request and code in NOTHING_TO_REVOKE:
        return
    raise NotRevoked(
        f"The revocation endpoint answered {answer.status_code}{f' ({code})' if code else ''}.",
        retry_after=outbound.retry_after(answer.headers.get("Retry-After", ""), now),
    )


def _error_code(body: bytes) -> str:
    """The `error` of an OAuth answer; empty where there is none that looks like one."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    code = answer.get("error") if isinstance(answer, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
