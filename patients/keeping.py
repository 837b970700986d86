"""Keeping access alive that nobody uses: portals forget refresh tokens that lie idle."""

from datetime import datetime, timedelta

from common.queueing import enqueue_once
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
    return enqueue_once(TASK, lock=f"{TASK}.{connection_id}", connection_id=connection_id)
