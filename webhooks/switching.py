"""Switching endpoints off and on. What is not delivered by then is held: it waits to be redelivered or replayed."""

from datetime import datetime

from django.db import transaction
from procrastinate.contrib.django import app

from webhooks.models import Delivery, Disabled, Endpoint, EndpointStatus

# Tells the workspace by mail.
TELL = "webhooks.tasks.tell_of_disabling"


def disable(endpoint_id: str, because: Disabled, now: datetime) -> bool:
    """Send nothing more to an endpoint. False where it was disabled before, or is gone.

    The workspace is told by mail, unless it asked for it itself.
    """
    with transaction.atomic():
        active = Endpoint.objects.filter(pk=endpoint_id, status=EndpointStatus.ACTIVE)
        changed = active.update(
            status=EndpointStatus.DISABLED, disabled_at=now, disabled_because=because, updated_at=now
        )
        if changed:
            _hold(endpoint_id)
            if because != Disabled.ASKED:
                app.configure_task(TELL).defer(endpoint_id=endpoint_id)
    return bool(changed)


def revive(endpoint_id: str, now: datetime) -> bool:
    """Send to a disabled endpoint again what happens from now on. False where it is active, or gone."""
    with transaction.atomic():
        disabled = Endpoint.objects.filter(pk=endpoint_id, status=EndpointStatus.DISABLED)
        changed = disabled.update(
            status=EndpointStatus.ACTIVE,
            disabled_at=None,
            disabled_because="",
            failing_since=None,
            told_of_failing_at=None,
            updated_at=now,
        )
        if changed:
            _hold(endpoint_id)  # what was being written while it was disabled
    return bool(changed)


def _hold(endpoint_id: str) -> None:
    """In the order in which workers lock deliveries (webhooks/outcomes.py)."""
    due = Delivery.objects.filter(endpoint=endpoint_id, next_attempt_at__isnull=False)
    ids = list(due.order_by("pk").select_for_update().values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(next_attempt_at=None)
