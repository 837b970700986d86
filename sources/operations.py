"""Changing the catalogue by hand: adding a source and how we are known there."""

from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction

from common.outbound import AddressRefused, check_url
from organizations.models import Organization
from sources import keys
from sources.base_urls import normalized, source_id
from sources.models import AuthMethod, Catalogue, ClientRegistration, Facility, Source


@dataclass(frozen=True)
class NewClient:
    """How a source knows us. A `private_key` (PEM) is made where private_key_jwt needs one and none is given."""

    client_id: str
    auth_method: str = AuthMethod.NONE
    secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    scopes: str = ""


def add_source(
    *,
    name: str,
    fhir_base_url: str,
    environment: str,
    type: str | None = None,  # noqa: A002  the contract's word
    portal_url: str | None = None,
    organization: Organization | None = None,
    client: NewClient | None = None,
) -> Source:
    """Add a source, or change the one at this FHIR base URL, with its facility and registration.

    Raises django's ValidationError for a URL that a source of this environment may not have, and for
    a registration that lacks its secret.
    """
    base_url = checked_base_url(fhir_base_url, environment)
    source = Source(
        id=source_id(base_url),
        name=name,
        fhir_base_url=base_url,
        environment=environment,
        type=type,
        portal_url=portal_url,
        organization=organization,
    )
    source.clean_fields()
    with transaction.atomic():
        return _save(source, client)


def checked_base_url(fhir_base_url: str, environment: str) -> str:
    """The normalised URL. Raises django's ValidationError for one that a source of this environment may not have."""
    try:
        base_url = normalized(fhir_base_url)
        check_url(base_url, Source(environment=environment).reach)
    except AddressRefused as error:
        raise ValidationError({"fhir_base_url": f"{error} A {environment} source cannot be there."}) from error
    except ValueError as error:
        raise ValidationError({"fhir_base_url": str(error)}) from error
    return base_url


def _save(source: Source, client: NewClient | None) -> Source:
    """What staff say of a source is theirs from now on: no directory describes it, and no import retires it."""
    Catalogue.lock()
    existing = Source.objects.select_for_update().filter(pk=source.pk).first()
    if existing is not None:
        _keep_what_was_not_given(source, existing)
    source.save(force_insert=existing is None)
    _save_facility(source)
    if client is not None:
        register_client(source=source, client=client)
    Catalogue.changed()
    return source


def _keep_what_was_not_given(source: Source, existing: Source) -> None:
    if existing.environment != source.environment:
        raise ValidationError(
            {"environment": f"There is a {existing.environment} source at this FHIR base URL. It cannot change."}
        )
    source.created_at, source.logo_url = existing.created_at, existing.logo_url
    source.type = source.type or existing.type
    source.portal_url = source.portal_url or existing.portal_url
    source.organization = source.organization or existing.organization


def _save_facility(source: Source) -> None:
    """What patients find the source by: what directories list for it, else a facility of its own name."""
    if source.facilities.filter(retired_at=None).exclude(made_for=source).exists():
        return
    facility, _ = Facility.objects.update_or_create(made_for=source, defaults={"name": source.name})
    facility.sources.set([source])


def register_client(*, source: Source, client: NewClient) -> ClientRegistration:
    """Note how `source` knows us: its own workspace if it is private, else every workspace.

    Raises django's ValidationError where the method needs a secret that is not given.
    """
    known = ClientRegistration.objects.filter(source=source, organization=source.organization).first()
    registration = known or ClientRegistration(source=source, organization=source.organization)
    registration.environment = source.environment
    registration.client_id = client.client_id
    registration.auth_method = client.auth_method
    registration.client_secret = client.secret
    registration.scopes = client.scopes
    if client.private_key or (client.auth_method == AuthMethod.PRIVATE_KEY_JWT and not registration.private_key):
        registration.private_key = client.private_key or keys.new_private_key()
    if registration.private_key:
        registration.key_id = keys.key_id(registration.private_key)
    if client.auth_method in (AuthMethod.BASIC, AuthMethod.POST) and not client.secret:
        raise ValidationError({"client_secret": f"The method {client.auth_method} needs a client secret."})
    registration.full_clean(exclude=["source", "organization"])
    registration.save()
    return registration
