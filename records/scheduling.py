"""Pulls that nobody asks for: on schedule, and those whose worker died. A bounded number at a time."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Window
from django.db.models.functions import RowNumber

from common.ids import first_ulid_at
from patients.erasure import erase
from patients.holding import PatientErased, holding
from patients.models import Connection, ConnectionStatus
from records.models import Pull, PullKind, PullStatus
from records.operations import enqueue, request_pull
from records.progress import AT_ONCE_PER_SOURCE

AT_ONCE = 500
# A job of its own comes first; this is for those whose job was lost.
OVERDUE = timedelta(seconds=15)
KEPT = timedelta(days=90)


def wake_overdue(now: datetime) -> int:
    """A job for each open pull whose worker died, and for the first of those that wait for a source; their number."""
    overdue = Pull.objects.filter(wake_at__lte=now - OVERDUE).order_by("wake_at")
    died = overdue.filter(status=PullStatus.RUNNING)
    place = Window(RowNumber(), partition_by="source", order_by="wake_at")
    # Those behind them are woken by whoever leaves.
    waiting = overdue.filter(status=PullStatus.WAITING).alias(place=place).filter(place__lte=AT_ONCE_PER_SOURCE)
    found = [
        *died.values_list("pk", "connection__patient_id")[:AT_ONCE],
        *waiting.values_list("pk", "connection__patient_id")[:AT_ONCE],
    ]
    for pull_id, patient_id in found:
        enqueue(pull_id, patient_id, now)
    return len(found)


def request_due(now: datetime) -> int:
    """A pull for each connection that is due; their number."""
    due = Connection.objects.filter(status=ConnectionStatus.ACTIVE, pull_due_at__lte=now).order_by("pull_due_at")
    return sum(_request(connection, now) for connection in due.only("patient_id", "source_id")[:AT_ONCE])


def forget_old(now: datetime) -> int:
    """Delete the histories of pulls that ended long ago, some at a time; their number."""
    # Ids begin with the time: these rows were made long ago.
    old = Pull.objects.filter(pk__lt=first_ulid_at(now - KEPT), ended_at__lt=now - KEPT).order_by("pk")
    named = list(old.values_list("pk", flat=True)[:AT_ONCE])
    if named:
        with transaction.atomic():
            erase(Pull.objects.filter(pk__in=named))
    return len(named)


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
