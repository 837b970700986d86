"""Keeping access alive that nobody uses: portals forget refresh tokens that lie idle."""

from datetime import datetime, timedelta

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from patients.models import Connection, ConnectionStatus, Renewal, RenewalOutcome

TASK = "patients.tasks.renew"
AT_ONCE = 1000
# What failed stays with its connection; that all went well is not worth keeping for ever.
KEPT = timedelta(days=90)


def enqueue_due(now: datetime) -> int:
    """A job for each connection whose access is to be renewed, or is over; their number, at most AT_ONCE."""
    due = Connection.objects.filter(status=ConnectionStatus.ACTIVE, refresh_due_at__lte=now).order_by("refresh_due_at")
    return sum(map(_enqueue, due.values_list("pk", flat=True)[:AT_ONCE]))


def forget_old_trails(now: datetime) -> int:
    """Delete what went well long ago, some at a time; their number."""
    old = Renewal.objects.filter(outcome=RenewalOutcome.RENEWED, at__lt=now - KEPT).order_by("at")
    deleted, _ = Renewal.objects.filter(pk__in=old.values("pk")[:AT_ONCE]).delete()
    return deleted


def _enqueue(connection_id: str) -> bool:
    lock = f"{TASK}.{connection_id}"
    try:
        # A savepoint, so that a lock that is taken does not spoil the transaction around it.
        with transaction.atomic():
            app.configure_task(TASK, queueing_lock=lock).defer(connection_id=connection_id)
    except AlreadyEnqueued:
        return False
    return True
