"""Pulls that nobody asks for: on schedule, and those whose worker died. A bounded number at a time."""

from datetime import datetime, timedelta

from patients.holding import PatientErased, holding
from patients.models import Connection, ConnectionStatus
from records.models import OPEN, Pull, PullKind
from records.operations import enqueue, request_pull

AT_ONCE = 500
# A job of its own comes first; this is for those whose job was lost.
OVERDUE = timedelta(seconds=15)
KEPT = timedelta(days=90)


def wake_overdue(now: datetime) -> int:
    """A job for each open pull whose time passed and nobody came; their number."""
    overdue = Pull.objects.filter(status__in=OPEN, wake_at__lte=now - OVERDUE).order_by("wake_at")
    found = overdue.values_list("pk", "connection__patient_id")[:AT_ONCE]
    for pull_id, patient_id in found:
        enqueue(pull_id, patient_id, now)
    return len(found)


def request_due(now: datetime) -> int:
    """A pull for each connection that is due; their number."""
    due = Connection.objects.filter(status=ConnectionStatus.ACTIVE, pull_due_at__lte=now).order_by("pull_due_at")
    return sum(_request(connection, now) for connection in due.only("patient_id", "source_id")[:AT_ONCE])


def forget_old(now: datetime) -> int:
    """Delete the histories of pulls that ended long ago, some at a time; their number."""
    old = Pull.objects.filter(ended_at__lt=now - KEPT).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    ended = Pull.objects.filter(pk__in=list(old))
    count = len(ended)
    ended.delete()
    return count


def _request(connection: Connection, now: datetime) -> bool:
    try:
        with holding(connection.patient_id):
            # Not again before it has ended, which sets the next time.
            due = Connection.objects.filter(pk=connection.pk, status=ConnectionStatus.ACTIVE, pull_due_at__lte=now)
            if not due.update(pull_due_at=None):
                return False
            request_pull(connection, PullKind.SCHEDULED, now)
    except PatientErased:
        return False
    return True
