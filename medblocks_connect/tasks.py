"""Background jobs about background jobs."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

from medblocks_connect.management.commands.worker import STALLED_SECONDS


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="medblocks_connect.take_up_stalled_jobs", pass_context=True)
async def take_up_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Every minute: do again what workers were doing when they died. Every job here may run twice."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        await manager.retry_job(job)
