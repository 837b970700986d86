"""`/events` (contract §9)."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from common.errors import NotFound
from common.fields import parse_query, refuse_fields
from organizations.api import ApiView
from organizations.models import Organization
from webhooks.endpoint_serializers import record_out
from webhooks.feed import Selection, page_of_events
from webhooks.models import Delivery, Event
from webhooks.redelivery import redeliver
from webhooks.serializers import EventsQuery, event_out


class Events(ApiView):
    scopes = {"GET": "webhooks:read"}
    takes_query = True

    def get(self, request: Request) -> dict[str, Any]:
        query = parse_query(EventsQuery, request.query_params).validated_data
        selection = Selection(self.organization, type=query.pop("type", None), since=query.pop("since", None))
        return page_of_events(selection, **query)


class EventDetail(ApiView):
    """An event of the feed, or one on its way to an endpoint: their ids look alike, and no id is of both."""

    scopes = {"GET": "webhooks:read"}

    def get(self, request: Request, event_id: str) -> dict[str, Any]:
        event = Event.objects.filter(organization=self.organization).with_public_id(event_id)
        return event_out(event) if event else record_out(find_delivery(self.organization, event_id))


class EventRedelivery(ApiView):
    scopes = {"POST": "webhooks:write"}

    def post(self, request: Request, event_id: str) -> dict[str, Any]:
        refuse_fields(request.data)
        delivery = find_delivery(self.organization, event_id)
        return record_out(redeliver(delivery, timezone.now()))


def find_delivery(organization: Organization, public_id: str) -> Delivery:
    """The event of this id on its way to an endpoint of the workspace. Raises NotFound."""
    delivery = Delivery.objects.filter(endpoint__organization=organization).with_public_id(public_id)
    if delivery is None and Event.objects.filter(organization=organization).with_public_id(public_id):
        raise NotFound("This event is of the feed. Give the id that it has at an endpoint: GET /webhooks/{id}/events.")
    if delivery is None:
        raise NotFound("There is no event with this id. Events are kept for 30 days, and go with their patient.")
    return delivery
