"""What the API's document says of events (contract §9)."""

from typing import Any

from common.describing.operations import Link, Operation, Operations
from common.describing.shapes import (
    Schema,
    always,
    choice,
    closed_object,
    integer,
    page_of,
    shape,
    text,
    timestamp,
    truth,
    ulid_id,
)
from common.instants import INSTANT
from webhooks.events import EventType
from webhooks.serializers import EventsQuery
from webhooks.views import EventDetail, Events

_TYPES = [name.value for name in EventType]
_OBJECT: Schema = {
    "type": "object",
    "description": "What it is about, as the API answered it at that moment: a flow in the words it was made in, a "
    "connection with its `patient_id` besides, the outcome of a pull, or what is left of a deleted patient.",
    "additionalProperties": True,
}
EVENT = shape(
    "Event",
    "A fact that your server is told of. It never changes.",
    {
        "id": ulid_id("evt_", "The event."),
        "resource_type": always("event", "What this object is."),
        "webhook_endpoint_id": ulid_id(
            "wh_", "Null here: an event of the feed is for nobody in particular.", nullable=True
        ),
        "type": choice("What happened.", _TYPES),
        "data": closed_object("What it tells of it.", {"object": _OBJECT}),
        "api_version": text("The version of the API that `data.object` is written in."),
        "attempts": integer("How often it was sent to that endpoint; 0 here.", minimum=0),
        "next_attempt_at": timestamp("When it is sent to that endpoint again; null here.", nullable=True),
        "delivered_at": timestamp("When that endpoint took it; null here.", nullable=True),
        "last_status_code": integer("What that endpoint last answered; null here.", nullable=True),
        "last_response_body": text("The beginning of that answer; null here.", nullable=True),
        "last_redelivered_at": timestamp("When it was last sent at your request; null here.", nullable=True),
        "created_at": timestamp("When it happened."),
    },
)
_page = page_of(EVENT)
_previous_cursor = text(
    "Give it as `ending_before`, now or later, to get what came next. Never null, not even of an empty page."
)
EVENTS = shape(
    "EventList",
    "A page of the workspace's events.",
    {
        **_page.schema["properties"],
        "has_more": truth("Whether there are older ones."),
        "previous_cursor": _previous_cursor,
    },
    parts=(EVENT,),
)

_example: dict[str, Any] = {
    "id": "evt_01JSP60A1B2C3D4E5F6G7H8J9K",
    "resource_type": "event",
    "webhook_endpoint_id": None,
    "type": "records.sync.completed",
    "data": {
        "object": {
            "resource_type": "records_sync",
            "patient_id": "user-1842",
            "connection_id": "fhirsrc_k7m2x5q3r6t4w2y7a5c3e6g2",
            "total": 214,
            "errors": 0,
            "duration_ms": 8120,
        }
    },
    "api_version": "2026-04-25",
    "attempts": 0,
    "next_attempt_at": None,
    "delivered_at": None,
    "last_status_code": None,
    "last_response_body": None,
    "last_redelivered_at": None,
    "created_at": "2026-04-25T14:33:05.000Z",
}
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
        "type": {"enum": _TYPES},
        "since": {"format": "date-time", "pattern": f"^{INSTANT}$"},
    },
    answer=EVENTS,
    example={
        "resource_type": "list",
        "data": [_example],
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
    description="One event of the last 30 days.",
    words={"id": "The event, `evt_…`."},
    path_examples={"id": _example["id"]},
    answer=EVENT,
    example=_example,
    codes=("resource_not_found",),
)

OPERATIONS: Operations = {(Events, "GET"): lambda view: LIST, (EventDetail, "GET"): lambda view: GET}
