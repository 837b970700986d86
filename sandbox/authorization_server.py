"""Each system's OAuth 2.0 server: django-oauth-toolkit's, made strict the way SMART App Launch wants it."""

import re
import uuid
from functools import lru_cache
from typing import Any

from oauth2_provider.models import AccessToken, Application, RefreshToken
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request
from oauthlib.oauth2 import InvalidRequestError, WebApplicationServer

from sandbox import scopes
from sandbox.accounts import user_of
from sandbox.launch_context import patient_in
from sandbox.systems import AuthMethod, HealthSystem

S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
TOKEN_PARAMETERS = {
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "redirect_uri",
    "refresh_token",
    "scope",
    "token",
    "token_type_hint",
}


class PortalValidator(OAuth2Validator):  # type: ignore[misc]  # the toolkit has no types
    """The toolkit's rules for one system: its own client only, authenticated the one way it is registered for."""

    def __init__(self, system: HealthSystem) -> None:
        super().__init__()
        self.system = system

    def check_authorization_request(self, request: Request) -> dict[str, Any]:
        """Refuse, on the way back to the client, what the toolkit lets pass."""
        if getattr(request, "aud", None) != self.system.fhir_base_url:
            raise InvalidRequestError(f"aud must be {self.system.fhir_base_url}", request=request)
        if request.code_challenge is not None and request.code_challenge_method != "S256":
            raise InvalidRequestError("code_challenge_method must be S256", request=request)
        if request.code_challenge is not None and not S256_CHALLENGE.fullmatch(request.code_challenge):
            raise InvalidRequestError("code_challenge is not an S256 challenge", request=request)
        request.nonce = request.claims = None  # OpenID's; there is no id token here
        return {}

    def _load_application(self, client_id: str, request: Request) -> Application | None:
        if client_id != self.system.client_id:
            request.client = None
            return None
        return super()._load_application(client_id, request)

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        if self.system.auth_method is AuthMethod.BASIC:
            return bool(self._authenticate_basic_auth(request))
        if self.system.auth_method is AuthMethod.POST:
            return bool(self._authenticate_request_body(request))
        return False  # a public client has nothing to authenticate with, and must not pretend to

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        # The toolkit lets the port of a loopback address vary; a portal compares character by character.
        return redirect_uri in request.client.redirect_uris.split()

    def get_default_redirect_uri(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> None:
        """None: SMART clients have to name theirs."""

    def get_default_scopes(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        return []

    def validate_scopes(
        self, client_id: str, scopes_asked: list[str], client: Application, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return bool(scopes.grantable(self.system, scopes_asked))

    def validate_code(
        self, client_id: str, code: str, client: Application, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        if "\x00" in code:  # PostgreSQL would not even compare it
            return False
        if super().validate_code(client_id, code, client, request, *args, **kwargs):
            return True
        # Whoever brings a code that was used before may have stolen it (RFC 6749 4.1.2).
        RefreshToken.revoke_family(_family_of(code))
        return False

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        if not super().validate_refresh_token(refresh_token, client, request, *args, **kwargs):
            return False
        user = user_of(request.user)
        if user is None or user.manners.renewals is None:
            return True
        # A family has one token from the code, and one more from each renewal.
        family = RefreshToken.objects.filter(token_family=request.refresh_token_instance.token_family)
        return bool(family.count() <= user.manners.renewals)

    def access_seconds(self, request: Request) -> int:
        """How long the access token lasts that this request is about to get."""
        user = user_of(request.user)
        lifetime = (user and user.manners.access_lifetime) or self.system.access_lifetime
        return int(lifetime.total_seconds())

    def _create_refresh_token(
        self, request: Request, refresh_token_code: str, access_token: AccessToken, previous: RefreshToken | None
    ) -> RefreshToken:
        refresh_token = super()._create_refresh_token(request, refresh_token_code, access_token, previous)
        if previous is None:
            refresh_token.token_family = _family_of(request.code)
            refresh_token.save(update_fields=["token_family"])
        return refresh_token

    def _save_bearer_token(self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        """Save the tokens, and complete the answer to the client with the SMART launch context."""
        if request.grant_type == "authorization_code" and scopes.OFFLINE not in request.scopes:
            token.pop("refresh_token", None)
        super()._save_bearer_token(token, request, *args, **kwargs)
        patient = patient_in(self.system, request.resource)
        if patient is not None:
            token["patient"] = patient


class PortalCore(OAuthLibCore):  # type: ignore[misc]  # the toolkit has no types
    """The toolkit's bridge to Django, with nothing in the body that these endpoints do not know."""

    def extract_body(self, request: Any) -> list[tuple[str, str]]:
        return [(name, value) for name, value in request.POST.items() if name in TOKEN_PARAMETERS]


@lru_cache
def authorization_server(system: HealthSystem) -> PortalCore:
    """The OAuth server of `system`: the authorization code grant and refreshing, nothing else."""
    validator = PortalValidator(system)
    server = WebApplicationServer(validator, token_expires_in=validator.access_seconds)
    server.auth_grant.custom_validators.pre_auth.append(validator.check_authorization_request)
    return PortalCore(server)


def _family_of(code: str) -> uuid.UUID:
    """All tokens that descend from `code` are one family, found again from the code alone."""
    return uuid.uuid5(uuid.NAMESPACE_URL, code)
