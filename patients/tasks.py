"""Background jobs about patients. Each calls one operation.

A job that concerns a patient names them in an argument `patient_id` (our own id): erasing the patient then takes the
job along. The jobs here name nobody.
"""

from django.utils import timezone
from procrastinate.contrib.django import app

from patients import revocations


@app.task
def revoke(revocation_id: str) -> None:
    """Take access back at a portal. Later attempts are jobs of their own."""
    revocations.revoke(revocation_id, timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="patients.revoke_overdue", pass_context=False)
def revoke_overdue(timestamp: int) -> None:
    """Every five minutes: take up the revocations that a dying worker left behind."""
    revocations.enqueue_overdue(timezone.now())
