"""The shapes of endpoints and of their events in the API (contract §9)."""

from typing import Any

from rest_framework import serializers

from common.fields import (
    MetadataField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    TimestampField,
)
from common.instants import InstantField
from common.pagination import PageQuery
from webhooks.addresses import MAX_LENGTH
from webhooks.endpoints import LONGEST_OVERLAP
from webhooks.models import Delivery, Endpoint, EndpointStatus
from webhooks.models.endpoint import ALL
from webhooks.serializers import EventTypeField

MAX_TYPES = 20
MAX_DESCRIPTION = 500


class WantedTypeField(EventTypeField):
    """One of the types there are, or * for all of them."""

    def to_internal_value(self, data: Any) -> str:
        return ALL if data == ALL else super().to_internal_value(data)


class WantedTypesField(serializers.ListField):
    child = WantedTypeField()
    default_error_messages = {
        "not_a_list": "This must be a list of types of events.",
        "null": "This must be a list of types of events.",
        "required": "This field is required.",
        "empty": "This must not be empty. For all events send *.",
        "max_length": f"There may be at most {MAX_TYPES} types.",
        "twice": "{type} is there twice.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty=False, max_length=MAX_TYPES, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        types: list[str] = super().to_internal_value(data)
        twice = next((type_ for place, type_ in enumerate(types) if type_ in types[:place]), None)
        if twice:
            self.fail("twice", type=twice)
        return types


class StatusField(serializers.ChoiceField):
    default_error_messages = {
        "invalid_choice": f"This must be one of: {', '.join(EndpointStatus.values)}.",
        "null": f"This must be one of: {', '.join(EndpointStatus.values)}.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=EndpointStatus.values, **kwargs)


class NewEndpoint(StrictSerializer):
    """The body of a new endpoint. What is valid are the arguments of an `EndpointPlan`."""

    url = TextField(max_length=MAX_LENGTH)
    events = WantedTypesField()
    description = TextField(max_length=MAX_DESCRIPTION, required=False, allow_null=True)
    metadata = MetadataField(required=False)


class EndpointChanges(StrictSerializer):
    url = TextField(max_length=MAX_LENGTH, required=False)
    events = WantedTypesField(required=False)
    description = TextField(max_length=MAX_DESCRIPTION, required=False, allow_null=True)
    metadata = MetadataField(required=False)
    status = StatusField(required=False)


class SecretRotation(StrictSerializer):
    expire_current_in = StrictIntegerField(min_value=0, max_value=int(LONGEST_OVERLAP.total_seconds()), default=0)


class NewReplay(StrictSerializer):
    since = InstantField()
    until = InstantField(required=False)
    include_delivered = StrictBooleanField(default=False)


class NewTest(StrictSerializer):
    type = EventTypeField()


class EventRecordsQuery(PageQuery):
    delivered = serializers.ChoiceField(
        choices=["true", "false"],
        required=False,
        error_messages={"invalid_choice": "This must be true or false."},
    )


_timestamp = TimestampField().to_representation


def endpoint_out(endpoint: Endpoint) -> dict[str, Any]:
    """The Endpoint object, without its secret."""
    return {
        "id": endpoint.public_id,
        "resource_type": "webhook_endpoint",
        "url": endpoint.url,
        "events": endpoint.events,
        "status": endpoint.status,
        "description": endpoint.description or None,
        "metadata": endpoint.metadata,
        "api_version": endpoint.api_version,
        "created_at": _timestamp(endpoint.created_at),
        "updated_at": _timestamp(endpoint.updated_at),
    }


def endpoint_with_secret_out(endpoint: Endpoint) -> dict[str, Any]:
    """The same with the secret, which is shown when it is made and never again."""
    return endpoint_out(endpoint) | {"secret": endpoint.secret}


def deleted_out(public_id: str) -> dict[str, Any]:
    """What is left of an endpoint."""
    return {"id": public_id, "resource_type": "webhook_endpoint", "deleted": True}


def replay_out(endpoint: Endpoint, asked: dict[str, Any], events: int) -> dict[str, Any]:
    """What is said of a replay."""
    return {
        "resource_type": "webhook_replay",
        "webhook_endpoint_id": endpoint.public_id,
        "since": _timestamp(asked["since"]),
        "until": _timestamp(asked["until"]),
        "events": events,
    }


def record_out(delivery: Delivery) -> dict[str, Any]:
    """The event record: the Event object, with what came of sending it to one endpoint."""
    sent = delivery.content
    return {
        "id": delivery.public_id,
        "resource_type": "event",
        "webhook_endpoint_id": f"wh_{delivery.endpoint_id}",
        "fact_id": sent["fact_id"],
        "type": delivery.type,
        "data": sent["data"],
        "api_version": sent["api_version"],
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at and _timestamp(delivery.next_attempt_at),
        "delivered_at": delivery.delivered_at and _timestamp(delivery.delivered_at),
        "last_status_code": delivery.last_status_code,
        "last_response_body": delivery.last_response_body,
        "last_problem": delivery.last_problem or None,
        "last_redelivered_at": delivery.last_redelivered_at and _timestamp(delivery.last_redelivered_at),
        "created_at": _timestamp(delivery.created_at),
    }
