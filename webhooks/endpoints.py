"""Making endpoints and changing them (contract §9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from common.encryption import Sealed, sealed
from common.errors import InvalidRequest, NotFound, QuotaExceeded
from organizations.models import Organization
from webhooks.addresses import ReceiverRefused, check_receiver
from webhooks.models import Disabled, Endpoint, EndpointStatus
from webhooks.signing import new_secret
from webhooks.switching import disable, revive

MAX_ENDPOINTS = 100
LONGEST_OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class EndpointPlan:
    """What an app says of an endpoint when it makes one."""

    url: str
    events: list[str]
    description: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def find_endpoint(organization: Organization, public_id: str) -> Endpoint:
    """The workspace's endpoint of this id, without its secrets. Raises NotFound."""
    endpoint: Endpoint | None = organization.webhook_endpoints.without_secrets().with_public_id(public_id)
    if endpoint is None:
        raise _no_endpoint()
    return endpoint


def create_endpoint(plan: EndpointPlan, *, organization: Organization, api_version: str, now: datetime) -> Endpoint:
    """A new endpoint, which is told in `api_version` for ever. Raises InvalidRequest for a URL that is not taken, and
    QuotaExceeded where the workspace has MAX_ENDPOINTS."""
    _check_url(plan.url, organization)
    with transaction.atomic():
        # Others who make one for the workspace wait here, so that together they do not make too many.
        Organization.objects.select_for_update(no_key=True).only("pk").get(pk=organization.pk)
        if organization.webhook_endpoints.count() >= MAX_ENDPOINTS:
            raise QuotaExceeded(f"The workspace has {MAX_ENDPOINTS} webhook endpoints. Delete one that is not needed.")
        return Endpoint.objects.create(
            organization=organization,
            url=plan.url,
            events=plan.events,
            description=plan.description or "",
            metadata=plan.metadata,
            api_version=api_version,
            secret=new_secret(),
            created_at=now,
            updated_at=now,
        )


def change_endpoint(
    endpoint: Endpoint, changes: Mapping[str, Any], *, organization: Organization, now: datetime
) -> Endpoint:
    """The endpoint with these fields replaced, and switched on or off where `status` says so.

    Raises InvalidRequest for a URL that is not taken, and NotFound where it was deleted meanwhile.
    """
    fields = {name: value for name, value in changes.items() if name != "status"}
    if "url" in fields:
        _check_url(fields["url"], organization)
    if "description" in fields:
        fields["description"] = fields["description"] or ""
    with transaction.atomic():
        if "url" in fields:  # how another address has fared says nothing of this one
            moved = Endpoint.objects.filter(pk=endpoint.pk).exclude(url=fields["url"])
            moved.update(failing_since=None, told_of_failing_at=None, is_quick=None)
        if fields:
            Endpoint.objects.filter(pk=endpoint.pk).update(**fields, updated_at=now)
        if changes.get("status") == EndpointStatus.ACTIVE:
            revive(endpoint.pk, now)
        elif changes.get("status") == EndpointStatus.DISABLED:
            disable(endpoint.pk, Disabled.ASKED, now)
        return _present(endpoint)


def rotate_secret(endpoint: Endpoint, *, overlap: timedelta, now: datetime) -> Endpoint:
    """The endpoint with a new secret. The one before it goes on signing for as long as `overlap`, older ones end now.

    Raises NotFound where it was deleted meanwhile.
    """
    with transaction.atomic():
        rows = Endpoint.objects.without_secrets().annotate(sealed_secret=sealed("secret"))
        held = rows.select_for_update(no_key=True).filter(pk=endpoint.pk).first()
        if held is None:
            raise _no_endpoint()
        # As it is kept: where its key was lost, a new secret is the way out.
        before = Sealed(held.sealed_secret)  # type: ignore[attr-defined]  # annotated above
        held.previous_secret, held.previous_secret_until = (before, now + overlap) if overlap else (None, None)
        held.secret, held.updated_at = new_secret(), now
        held.save(update_fields=["secret", "previous_secret", "previous_secret_until", "updated_at"])
    return held


def _check_url(url: str, organization: Organization) -> None:
    try:
        check_receiver(url, is_sandbox=organization.is_sandbox)
    except ReceiverRefused as error:
        raise InvalidRequest(str(error), param="url") from error


def _present(endpoint: Endpoint) -> Endpoint:
    present = Endpoint.objects.without_secrets().filter(pk=endpoint.pk).first()
    if present is None:
        raise _no_endpoint()
    return present


def _no_endpoint() -> NotFound:
    return NotFound("There is no webhook endpoint with this id.")
