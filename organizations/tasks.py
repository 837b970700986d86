"""Background jobs about workspaces. Each calls one operation."""

from django.utils import timezone
from procrastinate.contrib.django import app

from organizations.idempotency import purge


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="organizations.purge_idempotency_keys", pass_context=False)
def purge_idempotency_keys(timestamp: int) -> None:
    """Every ten minutes: forget the answers of idempotency keys that are older than a day."""
    purge(timezone.now())
