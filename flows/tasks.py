"""Background jobs about flows. Each calls one operation."""

from django.utils import timezone
from procrastinate.contrib.django import app

from flows.closing import expire_lapsed
from flows.giving_up import give_up_lapsed


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="flows.sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Every minute: mark lapsed flows expired and close the sign-ins that nobody will finish."""
    now = timezone.now()
    expire_lapsed(now)
    give_up_lapsed(now)
