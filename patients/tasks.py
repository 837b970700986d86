"""Background jobs about patients. Each calls one operation.

A job that concerns a patient names them in an argument `patient_id` (our own id): erasing the patient then takes the
job along. The jobs here name nobody.
"""

from django.utils import timezone
from procrastinate.contrib.django import app

from patients import keeping, revocations
from patients.tokens import renew_idle


@app.task
def revoke(revocation_id: str) -> None:
    """Take access back at a portal. Later attempts are jobs of their own."""
    revocations.revoke(revocation_id, timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="patients.revoke_overdue", pass_context=False)
def revoke_overdue(timestamp: int) -> None:
    """Every five minutes: take up the revocations that a dying worker left behind."""
    revocations.enqueue_overdue(timezone.now())


@app.task
def renew(connection_id: str) -> None:
    """Renew the access of one connection that nobody used lately."""
    renew_idle(connection_id, timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="patients.keep_access_alive", pass_context=False)
def keep_access_alive(timestamp: int) -> None:
    """Every five minutes: have the access renewed that is due, a bounded number at a time; forget old trails."""
    now = timezone.now()
    keeping.enqueue_due(now)
    keeping.forget_old_trails(now)
