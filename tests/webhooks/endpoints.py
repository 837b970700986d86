"""Endpoints of tests, and what is on its way to them."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from organizations.models import Organization
from webhooks.models import Delivery, Disabled, Endpoint, EndpointStatus
from webhooks.signing import new_secret


def new_endpoint(organization: Organization, *events: str, **fields: Any) -> Endpoint:
    """An active endpoint that wants these events; all of them if none is named. It is not its first day."""
    now = timezone.now()
    given = {"url": "https://hooks.example/in", "secret": new_secret(), "created_at": now, "updated_at": now}
    given |= {"is_quick": True}
    return Endpoint.objects.create(organization=organization, events=list(events) or ["*"], **(given | fields))


def disabled_endpoint(organization: Organization, *events: str, now: datetime | None = None) -> Endpoint:
    return new_endpoint(
        organization,
        *events,
        status=EndpointStatus.DISABLED,
        disabled_at=now or timezone.now(),
        disabled_because=Disabled.ASKED,
    )


def due_to(endpoint: Endpoint) -> list[Delivery]:
    """What is to be sent to it some time, oldest first."""
    return list(endpoint.deliveries.exclude(next_attempt_at=None).order_by("pk"))
