"""Background jobs about directories. Each calls one operation."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from common.queueing import enqueue_once
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
    return enqueue_once(import_directory.name, lock=lock, runs_alone=True, directory_id=directory_id, by=by)
