"""What a request with a good token meets before it is looked at: a slow server, none at all, or a busy one."""

import time
from datetime import datetime

from common.turns import waiting_outside
from sandbox.fhir.errors import TooManyRequests, Unavailable
from sandbox.manners import RETRY_AFTER, Manners
from sandbox.models import History


def receive(manners: Manners, account_id: int, now: datetime) -> None:
    """Make the request wait if the portal is slow. Raises Unavailable in an outage, TooManyRequests when it is busy."""
    if manners.delay:
        with waiting_outside():  # other requests of this process are answered meanwhile
            time.sleep(manners.delay.total_seconds())
    if manners.outage and now < History.objects.of(account_id, now).last_allowed_at + manners.outage:
        raise Unavailable("The records are not available at the moment.")
    if manners.refuses_every and _count(account_id, now) % manners.refuses_every == 0:
        raise TooManyRequests("Too many requests. Slow down.", retry_after=RETRY_AFTER)


def _count(account_id: int, now: datetime) -> int:
    History.objects.of(account_id, now)
    return History.objects.count_request(account_id)
