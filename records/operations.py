"""Asking for pulls. What they do is in `pulling.py`."""

from datetime import datetime

from django.db import connection as database
from django.db.models import F, Value
from django.db.models.functions import Least

from common.queueing import enqueue_once
from patients.models import Connection
from records.models import OPEN, Pull, PullKind, PullStatus, PullStep, StepStatus
from records.verdicts import Verdict

TASK = "records.tasks.pull"
QUEUE = "pulls"
SUPERSEDED = "The patient signed in again meanwhile: another pull took its place."


def request_pull(connection: Connection, kind: PullKind, now: datetime) -> Pull:
    """Have the records of a connection brought here: a row and its job, in the caller's transaction.

    While one is open there is no second: it is returned, and woken up if it waits. Call it inside
    `patients.holding.holding`.
    """
    new = {"source_id": connection.source_id, "kind": kind, "requested_at": now, "wake_at": now}
    pull, is_new = Pull.objects.get_or_create(connection=connection, status__in=OPEN, defaults=new)
    if not is_new:
        # Who waits already keeps their place.
        Pull.objects.filter(pk=pull.pk, status=PullStatus.WAITING).update(wake_at=Least("wake_at", Value(now)))
    enqueue(pull.pk, connection.patient_id, now)
    return pull


def pull_after_sign_in(connection: Connection, now: datetime) -> Pull:
    """What a successful sign-in starts: the first pull of a connection, or everything anew after signing in again.

    A pull that is open was planned for the access before: it ends here, whoever is at it.
    """
    open_ones = connection.pulls.filter(status__in=OPEN)
    PullStep.objects.filter(pull__in=open_ones, status=StepStatus.WAITING).update(
        status=StepStatus.FAILED, verdict=Verdict.ACCESS_ENDED, ended_at=now, next_url="", retry_at=None
    )
    open_ones.update(status=PullStatus.FAILED, problem=SUPERSEDED, ended_at=now, wake_at=None, turn=F("turn") + 1)
    kind = PullKind.RECONNECTED if connection.pulls.exists() else PullKind.FIRST
    return request_pull(connection, kind, now)


def enqueue(pull_id: str, patient_id: str, at: datetime) -> None:
    """A job that goes on with a pull at that time, unless one does so before."""
    name = f"{TASK}.{pull_id}"
    if not enqueue_once(TASK, lock=name, at=at, queue=QUEUE, pull_id=pull_id, patient_id=patient_id):
        _bring_forward(name, at)


def _bring_forward(queueing_lock: str, at: datetime) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = least(scheduled_at, %s)"
            " WHERE queueing_lock = %s AND status = 'todo'",
            [at, queueing_lock],
        )
