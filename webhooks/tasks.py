"""Background jobs about events. Each calls one operation."""

from datetime import timedelta

from django.utils import timezone
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from webhooks import mails
from webhooks.forgetting import forget_old
from webhooks.switching import give_up_lost, hold_strays
from webhooks.switching import hold_rest as hold_rest_of

# A mail that could not be sent is tried again after each of these, for about three days. Then its job has failed.
MAIL_WAITS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60, *[12 * 60] * 5)]


class UntilItIsSent(BaseRetryStrategy):
    """Whatever the mail server, or the way to it, had against a mail: it is tried again."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts >= len(MAIL_WAITS):
            return None
        return RetryDecision(retry_in={"seconds": int(MAIL_WAITS[job.attempts].total_seconds())})


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="webhooks.forget_old_events", pass_context=False)
def forget_old_events(timestamp: int) -> None:
    """Every ten minutes: forget the events that are older than a month."""
    forget_old(timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="webhooks.find_failing_endpoints", pass_context=False)
def find_failing_endpoints(timestamp: int) -> None:
    """Every ten minutes: have workspaces told whose endpoints have failed for a day."""
    mails.enqueue_failing(timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="webhooks.find_lost_attempts", pass_context=False)
def find_lost_attempts(timestamp: int) -> None:
    """Every ten minutes: note the attempts whose workers died, where nobody will try again, and hold what is due at
    disabled endpoints."""
    hold_strays()
    give_up_lost(timezone.now())


@app.task
def hold_rest(endpoint_id: str) -> None:
    """Hold what is left of the backlog of an endpoint that was disabled."""
    hold_rest_of(endpoint_id)


@app.task(queue=mails.QUEUE, retry=UntilItIsSent())
def tell_of_failing(endpoint_id: str) -> None:
    """Tell a workspace by mail that an endpoint has failed for a day."""
    mails.tell_of_failing(endpoint_id)


@app.task(queue=mails.QUEUE, retry=UntilItIsSent())
def tell_of_disabling(endpoint_id: str) -> None:
    """Tell a workspace by mail that an endpoint was disabled by failures."""
    mails.tell_of_disabling(endpoint_id)
