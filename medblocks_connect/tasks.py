"""Background jobs about background jobs."""

import logging
from datetime import timedelta

from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from medblocks_connect.jobs import forget_jobs
from medblocks_connect.management.commands.worker import STALLED_SECONDS

# What went well is of no interest for long; what failed is kept for staff.
KEPT, KEPT_OF_OTHERS = timedelta(hours=24), timedelta(days=30)

logger = logging.getLogger("medblocks.jobs")


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="medblocks_connect.take_up_stalled_jobs", pass_context=True)
async def take_up_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Every minute: do again what workers were doing when they died. Every job here may run twice."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        try:
            await _take_up(job, manager)
        except ConnectorException:  # it has ended after all, or somebody else took it up
            logger.info("a stalled job moved on by itself", extra={"job": job.id})


async def _take_up(job: Job, manager: JobManager) -> None:
    try:
        await manager.retry_job(job)
    except UniqueViolation:
        # Its queueing lock: the same waits to be done already.
        await manager.finish_job(job, Status.ABORTED, delete_job=False)


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="medblocks_connect.forget_old_jobs")
def forget_old_jobs(timestamp: int) -> None:
    """Every hour: delete jobs that ended long ago. Whatever is worth knowing of them is in rows of its own."""
    now = timezone.now()
    forget_jobs([Status.SUCCEEDED], ended_before=now - KEPT)
    forget_jobs([Status.FAILED, Status.CANCELLED, Status.ABORTED], ended_before=now - KEPT_OF_OTHERS)
