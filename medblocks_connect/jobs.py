"""Forgetting jobs that ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection as database
from procrastinate.jobs import Status

# So many at a time, each time in a transaction of its own, and no more than MAX_BATCHES × BATCH in one go.
BATCH, MAX_BATCHES = 2000, 50

# Procrastinate's own `delete_old_jobs` sorts the events of all jobs there are, and deletes in one go. This goes along
# the jobs from the oldest on. Events go with their jobs. What somebody else is deleting is passed over.
# (Materialized: else it may be looked for again with each row that is deleted, and find others.)
_FORGET = """
WITH old AS MATERIALIZED (
    SELECT job.id FROM procrastinate_jobs AS job
    WHERE job.status = ANY(%(statuses)s::procrastinate_job_status[]) AND NOT EXISTS (
        SELECT FROM procrastinate_events AS event WHERE event.job_id = job.id AND event.at >= %(before)s
    )
    ORDER BY job.id LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM procrastinate_jobs AS job USING old WHERE job.id = old.id
"""


def forget_jobs(statuses: Sequence[Status], *, ended_before: datetime) -> int:
    """Delete jobs that ended with one of these statuses before a moment, at most MAX_BATCHES × BATCH; their number."""
    given: dict[str, Any] = {"statuses": [status.value for status in statuses], "before": ended_before, "count": BATCH}
    forgotten = 0
    for _ in range(MAX_BATCHES):
        with database.cursor() as cursor:
            cursor.execute(_FORGET, given)
            forgotten += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return forgotten
