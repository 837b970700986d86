"""The token endpoint, asked with a refresh token (RFC 6749, 6)."""

from datetime import datetime

import requests
from requests_oauthlib import OAuth2Session

from common import outbound
from sources.portal_errors import InvalidTokenResponse, PortalUnreachable
from sources.token_endpoint import Access, Client, authentication, parse_refreshed

# A worker waits for it, and so does whoever needs the same token.
LIMITS = outbound.Limits(seconds=20, max_bytes=256 * 1024)


def refresh(
    client: Client, *, token_endpoint: str, reach: outbound.Reach, refresh_token: str, scopes: list[str], now: datetime
) -> Access:
    """Spend a refresh token. `refresh` of the answer is None where the portal keeps the one there is.

    `scopes` are those granted so far: an answer without any means that they stay. Raises PortalUnreachable,
    ExchangeRefused (`portal_code` is the OAuth error) or InvalidTokenResponse. After any but ExchangeRefused the
    token may have been spent all the same. Must not be called inside a transaction.
    """
    received: list[Access] = []

    def check(response: requests.Response) -> requests.Response:
        received.append(parse_refreshed(response.status_code, response.content, scopes, now))
        # The library reads the answer once more, by rules of its own. It gets one that it cannot stumble over.
        response._content, response.encoding = b'{"access_token": "checked", "token_type": "Bearer"}', "utf-8"
        return response

    proof = authentication(client, token_endpoint)
    who = {"client_id": client.client_id} if proof.pop("include_client_id", False) else {}
    session = OAuth2Session(client.client_id)
    with outbound.guard(session, reach, LIMITS):
        session.register_compliance_hook("refresh_token_response", check)
        try:
            session.refresh_token(token_endpoint, refresh_token=refresh_token, **who, **proof)
        except (outbound.TooLarge, outbound.Redirected, outbound.AddressRefused) as error:
            raise InvalidTokenResponse(str(error)) from error
        except outbound.OutboundError as error:
            raise PortalUnreachable(str(error)) from error
    return received[0]
