"""Asking for pulls. What they do is in `pulling.py`."""

from datetime import datetime

from django.db import connection as database
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from patients.models import Connection
from records.models import OPEN, Pull, PullKind

TASK = "records.tasks.pull"
QUEUE = "pulls"
# So many pulls at the same source at once, over all workers. Each asks one thing at a time.
AT_ONCE_PER_SOURCE = 4


def request_pull(connection: Connection, kind: PullKind, now: datetime) -> Pull:
    """Have the records of a connection brought here: a row and its job, in the caller's transaction.

    While one is open there is no second: it is woken up, and returned. Call it inside `patients.holding.holding`.
    """
    pull, is_new = Pull.objects.get_or_create(
        connection=connection, status__in=OPEN, defaults={"kind": kind, "requested_at": now, "wake_at": now}
    )
    if not is_new:
        Pull.objects.filter(pk=pull.pk, status__in=OPEN).update(wake_at=now)
    enqueue(pull.pk, connection.patient_id, connection.source_id, now)
    return pull


def enqueue(pull_id: str, patient_id: str, source_id: str, at: datetime) -> None:
    """A job that goes on with a pull at that time. Jobs of one lock run one after the other, over all workers."""
    slot = sum(pull_id.encode()) % AT_ONCE_PER_SOURCE
    name = f"{TASK}.{pull_id}"
    task = app.configure_task(
        TASK, queue=QUEUE, schedule_at=at, lock=f"{TASK}.{source_id}.{slot}", queueing_lock=name
    )
    try:
        with transaction.atomic():  # a savepoint, so that a lock that is taken does not spoil the transaction around it
            task.defer(pull_id=pull_id, patient_id=patient_id)
    except AlreadyEnqueued:
        _bring_forward(name, at)


def _bring_forward(queueing_lock: str, at: datetime) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = least(scheduled_at, %s)"
            " WHERE queueing_lock = %s AND status = 'todo'",
            [at, queueing_lock],
        )
