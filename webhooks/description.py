"""What the API's document says of events (contract §9). Endpoints are described beside it."""

from common.describing.operations import Link, Operation, Operations
from common.describing.shapes import page_of, shape, text, truth
from common.instants import INSTANT
from webhooks import description_endpoints
from webhooks.description_events import EVENT, FED, IN_THE_PATH, RECORD_IN_THE_PATH, SENT, TYPES
from webhooks.serializers import EventsQuery
from webhooks.views import EventDetail, EventRedelivery, Events

_page = page_of(EVENT)
_previous_cursor = text(
    "Give it as `ending_before`, now or later, to get what came next. Never null, not even of an empty page."
)
FEED = shape(
    "EventList",
    "A page of the workspace's events.",
    {
        **_page.schema["properties"],
        "has_more": truth("Whether there are older ones."),
        "previous_cursor": _previous_cursor,
    },
    parts=(EVENT,),
)
LIST = Operation(
    id="listEvents",
    tag="Events",
    summary="List events",
    description="What happened in the workspace in the last 30 days, newest first. Their order never changes, and none "
    "comes in between later: whoever keeps `previous_cursor` and gives it as `ending_before` the next time misses none "
    "and sees none twice. Deleting a patient takes the events about them out of the feed.",
    query=EventsQuery,
    words={
        "limit": "How many on a page.",
        "type": "Only events of this type.",
        "since": "Only what happened at or after this moment. It has a zone; encode a `+` as `%2B`.",
        "starting_after": "The `next_cursor` of another page with the same filters: the events that are older.",
        "ending_before": "The `previous_cursor` of another page with the same filters: those that came next, and no "
        "`starting_after` beside it.",
    },
    limits={
        "type": {"enum": TYPES},
        "since": {"format": "date-time", "pattern": f"^{INSTANT}$"},
    },
    answer=FEED,
    example={
        "resource_type": "list",
        "data": [FED],
        "has_more": False,
        "next_cursor": None,
        "previous_cursor": "NDI6c2lnbmVk",
    },
    links=(Link("GetEvent", "getEvent", {"id": "$response.body#/data/0/id"}),),
)
GET = Operation(
    id="getEvent",
    tag="Events",
    summary="Get an event",
    description="One event of the last 30 days, of the feed or on its way to an endpoint: any `evt_…` that you got.",
    words={"id": IN_THE_PATH},
    path_examples={"id": FED["id"]},
    answer=EVENT,
    example=FED,
    codes=("resource_not_found",),
)
REDELIVER = Operation(
    id="redeliverEvent",
    tag="Events",
    summary="Redeliver an event",
    description="Sends an event to its endpoint again, at once and with the same id, whatever came of it before; once "
    "a minute. If that fails it is retried, unless its attempts were used up before. 409 `resource_conflict` while the "
    "endpoint is disabled.",
    takes_no_fields=True,
    words={"id": RECORD_IN_THE_PATH},
    path_examples={"id": SENT["id"]},
    answer=EVENT,
    example=SENT | {"next_attempt_at": "2026-04-26T09:00:00.000Z", "last_redelivered_at": "2026-04-26T09:00:00.000Z"},
    codes=("resource_not_found", "resource_conflict"),
    links=(Link("GetEvent", "getEvent", {"id": "$response.body#/id"}),),
)

OPERATIONS: Operations = {
    **description_endpoints.OPERATIONS,
    (Events, "GET"): lambda view: LIST,
    (EventDetail, "GET"): lambda view: GET,
    (EventRedelivery, "POST"): lambda view: REDELIVER,
}
