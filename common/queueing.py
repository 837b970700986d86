"""Background jobs of which one at a time is enough."""

from datetime import datetime
from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued


def enqueue_once(
    task: str,
    *,
    lock: str,
    at: datetime | None = None,
    queue: str | None = None,
    runs_alone: bool = False,
    **arguments: Any,
) -> bool:
    """Queue a job by the name of its task, at once or for a time. False where one with this lock waits already.

    Without `queue` it is the task's own. One that `runs_alone` also waits for a job with this lock that is being done.
    Inside a transaction the job comes with it.
    """
    try:
        # A savepoint, so that a lock that is taken does not spoil the transaction around it.
        with transaction.atomic():
            job = app.configure_task(
                task, queueing_lock=lock, lock=lock if runs_alone else None, schedule_at=at, queue=queue
            )
            job.defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True
