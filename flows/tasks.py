"""Background jobs about flows. Each calls one operation."""

from django.utils import timezone
from procrastinate.contrib.django import app

from flows.models import PatientFlow
from flows.sign_in import give_up_lapsed


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="flows.sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Every minute: mark lapsed flows expired and close the sign-ins that nobody will finish."""
    now = timezone.now()
    PatientFlow.objects.expire_lapsed(now)
    give_up_lapsed(now)
