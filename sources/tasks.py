"""Background jobs about directories. Each calls one operation."""

from django.db import transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from sources.imports import DownloadFailedError, import_again
from sources.models import Directory

# After 8 seconds, one minute, nine minutes and an hour.
_NETWORK_FAULTS = RetryStrategy(max_attempts=5, exponential_wait=8, retry_exceptions={DownloadFailedError})


@app.periodic(cron="17 3 * * 0")
@app.task(queueing_lock="sources.import_watched", pass_context=False)
def import_watched(timestamp: int) -> None:
    """Every Sunday night: look for a newer edition of every watched directory."""
    for pk in Directory.objects.filter(is_watched=True).order_by("pk").values_list("pk", flat=True):
        enqueue_import(pk, by="weekly job")


@app.task(retry=_NETWORK_FAULTS)
def import_directory(directory_id: int, by: str) -> None:
    """Import one directory from its URL. A refused one fails the job and is noted with the directory."""
    import_again(directory_id, by=by)


def enqueue_import(directory_id: int, *, by: str) -> bool:
    """Have a directory imported in the background. Whether that is not to be done already."""
    lock = f"sources.import.{directory_id}"
    try:
        # A savepoint, so that a lock that is taken does not spoil the transaction around it.
        with transaction.atomic():
            import_directory.configure(queueing_lock=lock, lock=lock).defer(directory_id=directory_id, by=by)
    except AlreadyEnqueued:
        return False
    return True
