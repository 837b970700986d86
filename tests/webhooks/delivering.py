"""Events on their way to real receivers, as a worker does it but step by step: claimed, sent, noted."""

from datetime import datetime

from django.utils import timezone

from tests.webhooks.dispatching import claimed
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.outcomes import Ended, note
from webhooks.senders import attempt


def deliver_what_is_due(now: datetime | None = None) -> int:
    """Make an attempt of all that is due and that there is room for; how many those were."""
    ended = [Ended(each, attempt(each), timezone.now()) for each in claimed(now)]
    if ended:
        assert note(ended, timezone.now()) == []
    return len(ended)


def came_of(delivery: Delivery) -> Attempt:
    """The one attempt that is made, after which the delivery is as it is then."""
    assert deliver_what_is_due() == 1
    delivery.refresh_from_db()
    return delivery.tries.get()


def is_active(endpoint: Endpoint) -> bool:
    endpoint.refresh_from_db()
    return endpoint.is_active
