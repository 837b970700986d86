"""The shape of events in the API, and what may be asked of the feed (contract §9)."""

from typing import Any

from common.fields import TextField, TimestampField
from common.instants import InstantField
from common.pagination import PageQuery, TwoWayQuery
from webhooks.events import EventType
from webhooks.models import Event


class EventTypeField(TextField):
    """One of the types there are."""

    default_error_messages = {"unknown": "There is no such type. Known here: {known}."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text not in set(EventType):
            self.fail("unknown", known=", ".join(EventType))
        return text


class EventsQuery(PageQuery, TwoWayQuery):
    type = EventTypeField(required=False)
    since = InstantField(required=False)


_timestamp = TimestampField().to_representation

# What an event has of its delivery to one endpoint. The event itself, which is for everybody, was delivered to none.
NO_DELIVERY: dict[str, Any] = {
    "attempts": 0,
    "next_attempt_at": None,
    "delivered_at": None,
    "last_status_code": None,
    "last_response_body": None,
    "last_problem": None,
    "last_redelivered_at": None,
}


def event_out(event: Event) -> dict[str, Any]:
    """The Event object."""
    return {
        "id": event.public_id,
        "resource_type": "event",
        "webhook_endpoint_id": None,
        "fact_id": event.public_id,
        "type": event.type,
        "data": {"object": event.full_object},
        "api_version": event.api_version,
        **NO_DELIVERY,
        "created_at": _timestamp(event.created_at),
    }
