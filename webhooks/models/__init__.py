"""What apps are told of, to which addresses, and what came of it."""

from webhooks.models.delivery import Attempt, Delivery, Outcome
from webhooks.models.endpoint import Disabled, Endpoint, EndpointStatus
from webhooks.models.event import Event

__all__ = ["Attempt", "Delivery", "Disabled", "Endpoint", "EndpointStatus", "Event", "Outcome"]
