"""Switching endpoints off and on. What is not delivered by then is held: it waits to be redelivered or replayed."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from procrastinate.contrib.django import app

from webhooks.models import Delivery, Disabled, Endpoint, EndpointStatus

# Tells the workspace by mail.
TELL = "webhooks.tasks.tell_of_disabling"
HOLD_REST = "webhooks.tasks.hold_rest"
# So much of a backlog is held at a time. What is not held yet is not sent either: nothing of a disabled endpoint is.
HELD_AT_ONCE = 1000

# Locked in the order in which everybody locks deliveries.
_HOLD = """
WITH due AS MATERIALIZED (
    SELECT id FROM webhooks_delivery WHERE endpoint_id = %(endpoint)s AND next_attempt_at IS NOT NULL
    ORDER BY id LIMIT %(at_most)s FOR UPDATE
)
UPDATE webhooks_delivery SET next_attempt_at = NULL WHERE id = ANY(ARRAY(SELECT id FROM due))
"""
# Whoever disables an endpoint may have deliveries locked already, out of order: they wait for nobody.
_HOLD_FREE = _HOLD.replace("FOR UPDATE", "FOR UPDATE SKIP LOCKED")

# Nobody will claim these again, which is when an attempt that was lost becomes unknown otherwise.
_GIVE_UP = """
WITH lost AS MATERIALIZED (
    SELECT id FROM webhooks_delivery WHERE claimed_until <= %(now)s AND next_attempt_at IS NULL
    ORDER BY id LIMIT %(at_most)s FOR UPDATE SKIP LOCKED
), unknown AS (
    UPDATE webhooks_attempt SET outcome = 'unknown'
    WHERE delivery_id = ANY(ARRAY(SELECT id FROM lost)) AND outcome = 'open'
)
UPDATE webhooks_delivery SET claimed_until = NULL WHERE id = ANY(ARRAY(SELECT id FROM lost))
"""


def disable(endpoint_id: str, because: Disabled, now: datetime) -> bool:
    """Send nothing more to an endpoint. False where it was disabled before, or is gone.

    The workspace is told by mail, unless it asked for it itself. Of a long backlog the rest is held in the background.
    """
    with transaction.atomic():
        active = Endpoint.objects.filter(pk=endpoint_id, status=EndpointStatus.ACTIVE)
        changed = active.update(
            status=EndpointStatus.DISABLED, disabled_at=now, disabled_because=because, updated_at=now
        )
        if changed:
            _execute(_HOLD_FREE, endpoint=endpoint_id, at_most=HELD_AT_ONCE)
            if Delivery.objects.filter(endpoint=endpoint_id, next_attempt_at__isnull=False).exists():
                app.configure_task(HOLD_REST).defer(endpoint_id=endpoint_id)
            if because != Disabled.ASKED:
                app.configure_task(TELL).defer(endpoint_id=endpoint_id)
    return bool(changed)


def hold_rest(endpoint_id: str) -> int:
    """Hold what is left of a disabled endpoint's backlog, some at a time; how much that was."""
    held, some = 0, HELD_AT_ONCE
    while some == HELD_AT_ONCE:
        with transaction.atomic():
            disabled = Endpoint.objects.filter(pk=endpoint_id, status=EndpointStatus.DISABLED)
            still = list(disabled.select_for_update(no_key=True).values_list("pk"))  # nobody revives it meanwhile
            some = _execute(_HOLD, endpoint=endpoint_id, at_most=HELD_AT_ONCE) if still else 0
        held += some
    return held


def hold_strays() -> int:
    """Hold what is due at disabled endpoints: events that were being written while they were disabled. How many."""
    due = Delivery.objects.filter(endpoint=OuterRef("pk"), next_attempt_at__isnull=False)
    disabled = Endpoint.objects.filter(Exists(due), status=EndpointStatus.DISABLED).order_by("pk")
    return sum(hold_rest(pk) for pk in list(disabled.values_list("pk", flat=True)))


def revive(endpoint_id: str, now: datetime) -> bool:
    """Send to a disabled endpoint again what happens from now on. False where it is active, or gone."""
    with transaction.atomic():
        disabled = Endpoint.objects.filter(pk=endpoint_id, status=EndpointStatus.DISABLED)
        changed = disabled.update(
            status=EndpointStatus.ACTIVE,
            disabled_at=None,
            disabled_because="",
            revived_at=now,
            failing_since=None,
            told_of_failing_at=None,
            updated_at=now,
        )
        if changed:
            # What is left of its backlog, and what was being written while it was disabled.
            _execute(_HOLD, endpoint=endpoint_id, at_most=None)
    return bool(changed)


def give_up_lost(now: datetime) -> int:
    """Let attempts be unknown whose workers died and whose deliveries have been held since; how many, at most
    HELD_AT_ONCE."""
    return _execute(_GIVE_UP, now=now, at_most=HELD_AT_ONCE)


def _execute(statement: str, **values: str | int | datetime | None) -> int:
    """The number of deliveries that it changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        changed: int = cursor.rowcount
    return changed
