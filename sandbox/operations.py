"""Making the sandbox ready, and telling what a client needs to connect to it."""

from dataclasses import dataclass, field

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.utils.crypto import salted_hmac
from oauth2_provider.models import Application

from sandbox.accounts import create_accounts
from sandbox.people import PORTAL_USERS, PortalUser
from sandbox.systems import SYSTEMS, AuthMethod, Facility, HealthSystem

CLIENT_NAME = "Medblocks Connect"
SOURCE_TYPE = "sandbox"


@dataclass(frozen=True)
class SandboxSource:
    """What a real portal's registration desk would send: where it is and how the client is known there."""

    name: str
    fhir_base_url: str
    portal_url: str
    type: str
    client_id: str
    client_secret: str = field(repr=False)  # empty for a public client
    auth_method: str  # none, basic or post
    scopes: str
    facilities: tuple[Facility, ...]


def prepare_sandbox(*, redirect_uri: str) -> list[SandboxSource]:
    """Create the portal users and one client per system, or bring them up to date.

    Ids and secrets stay the same over repeated calls; `redirect_uri` replaces the one before.
    """
    with transaction.atomic():
        for system in SYSTEMS:
            _register_client(system, redirect_uri)
        create_accounts(PORTAL_USERS, SYSTEMS)
    return [_source(system) for system in SYSTEMS]


def portal_users() -> list[PortalUser]:
    """Who may sign in at each portal, with which password, and what happens then."""
    return list(PORTAL_USERS)


def _register_client(system: HealthSystem, redirect_uri: str) -> None:
    is_public = system.auth_method is AuthMethod.NONE
    secret = _client_secret(system)
    known = Application.objects.filter(client_id=system.client_id).first()
    application = known or Application(client_id=system.client_id)
    application.name = CLIENT_NAME
    application.redirect_uris = redirect_uri
    application.client_type = Application.CLIENT_PUBLIC if is_public else Application.CLIENT_CONFIDENTIAL
    application.authorization_grant_type = Application.GRANT_AUTHORIZATION_CODE
    if known is None or not (is_public or check_password(secret, known.client_secret)):
        application.client_secret = secret  # hashed when saved
    application.save()


def _client_secret(system: HealthSystem) -> str:
    """Derived from SECRET_KEY, so that it need not be kept anywhere.

    The "+" tells clients apart that form-encode their Basic credentials (RFC 6749 2.3.1) from those that forget.
    """
    if system.auth_method is AuthMethod.NONE:
        return ""
    return "sandbox+" + salted_hmac("sandbox.client_secret", system.slug, algorithm="sha256").hexdigest()


def _source(system: HealthSystem) -> SandboxSource:
    return SandboxSource(
        name=system.name,
        fhir_base_url=system.fhir_base_url,
        portal_url=system.url("home"),
        type=SOURCE_TYPE,
        client_id=system.client_id,
        client_secret=_client_secret(system),
        auth_method=system.auth_method.value,
        scopes=system.scopes,
        facilities=system.facilities,
    )
