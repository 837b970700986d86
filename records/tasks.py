"""Background jobs about records. Each calls one operation."""

from django.utils import timezone
from procrastinate.contrib.django import app

from records import pulling, scheduling
from records.operations import QUEUE


@app.task(queue=QUEUE)
def pull(pull_id: str, patient_id: str) -> None:
    """Go on with a pull. `patient_id` is there so that an erasure finds the job."""
    pulling.go_on(pull_id, timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="records.keep_pulls_going", pass_context=False)
def keep_pulls_going(timestamp: int) -> None:
    """Every minute: wake pulls up whose worker died, begin those that are due, forget old ones."""
    now = timezone.now()
    scheduling.wake_overdue(now)
    scheduling.request_due(now)
    scheduling.forget_old(now)
