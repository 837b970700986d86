"""`/events` (contract §9)."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from common.fields import parse_query
from common.ids import is_ulid
from organizations.api import ApiView
from organizations.models import Organization
from webhooks.feed import Selection, page_of_events
from webhooks.models import Event
from webhooks.serializers import EventsQuery, event_out


class Events(ApiView):
    scopes = {"GET": "webhooks:read"}
    takes_query = True

    def get(self, request: Request) -> Response:
        query = parse_query(EventsQuery, request.query_params).validated_data
        selection = Selection(self.organization, type=query.pop("type", None), since=query.pop("since", None))
        return Response(page_of_events(selection, **query))


class EventDetail(ApiView):
    scopes = {"GET": "webhooks:read"}

    def get(self, request: Request, event_id: str) -> Response:
        return Response(event_out(find_event(self.organization, event_id)))


def find_event(organization: Organization, public_id: str) -> Event:
    """The workspace's event of this id. Raises NotFound."""
    ulid = public_id.removeprefix("evt_")
    is_one = ulid != public_id and is_ulid(ulid)
    event = organization.events.filter(pk=ulid).first() if is_one else None
    if event is None:
        raise NotFound("There is no event with this id. Events are kept for 30 days, and go with their patient.")
    return event
