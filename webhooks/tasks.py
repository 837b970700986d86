"""Background jobs about events. Each calls one operation."""

from django.utils import timezone
from procrastinate.contrib.django import app

from webhooks.forgetting import forget_old


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="webhooks.forget_old_events", pass_context=False)
def forget_old_events(timestamp: int) -> None:
    """Every ten minutes: forget the events that are older than a month."""
    forget_old(timezone.now())
