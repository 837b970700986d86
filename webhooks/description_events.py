"""How the API's document describes an event: in the feed, on its way to an endpoint, and as a receiver gets it."""

from dataclasses import replace
from typing import Any

from common.describing.shapes import Schema, always, choice, closed_object, integer, shape, text, timestamp, ulid_id
from webhooks.events import EventType
from webhooks.examples import EXAMPLES
from webhooks.serializers import NO_DELIVERY

TYPES = [name.value for name in EventType]
IN_THE_PATH = "The event, `evt_…`."
RECORD_IN_THE_PATH = "The event on its way to an endpoint, `evt_…`: the `id` that the receiver got."
ENDPOINT_ID = "wh_01JSP4W9K3M5N7P9R1T3V5X7Z9"

_OBJECT: Schema = {
    "type": "object",
    "description": "What it is about, as the API answered it at that moment: a flow in the words it was made in, a "
    "connection with its `patient_id` besides, the outcome of a pull, or what is left of a deleted patient.",
    "additionalProperties": True,
}
_DATA = closed_object("What it tells of it.", {"object": _OBJECT})
_VERSION = text("The version of the API that `data.object` is written in.")
_TYPE = choice("What happened.", TYPES)
EVENT = shape(
    "Event",
    "A fact that your server is told of: in the feed, or on its way to one endpoint. What it tells never changes.",
    {
        "id": ulid_id(
            "evt_", "The event. On its way to an endpoint it has an id of its own, the same in all attempts."
        ),
        "resource_type": always("event", "What this object is."),
        "webhook_endpoint_id": ulid_id("wh_", "The endpoint it is for; null in the feed.", nullable=True),
        "fact_id": ulid_id(
            "evt_", "The fact in the feed: its own id there, the same at every endpoint; null of a test.", nullable=True
        ),
        "type": _TYPE,
        "data": _DATA,
        "api_version": _VERSION,
        "attempts": integer("How often it was sent to that endpoint; 0 in the feed.", minimum=0),
        "next_attempt_at": timestamp(
            "When it is sent to that endpoint again; null where it is not, and in the feed.", nullable=True
        ),
        "delivered_at": timestamp("When that endpoint took it; null before, and in the feed.", nullable=True),
        "last_status_code": integer("The status it last answered with; null if none, and in the feed.", nullable=True),
        "last_response_body": text("The first 4 KB of that answer; null as before.", nullable=True),
        "last_problem": text(
            "Why the last attempt failed, in a sentence; null if it did not, or was none.", nullable=True
        ),
        "last_redelivered_at": timestamp("When it was last sent at your request; null if never.", nullable=True),
        "created_at": timestamp("When it happened."),
    },
)
# Open, unlike what the API answers: there may be more types and fields one day, and receivers pass over them.
_RECEIVED = shape(
    "ReceivedEvent",
    "The body that a receiver gets. Pass over types and fields that you do not know.",
    {
        "id": ulid_id("evt_", "The same in all attempts: who has seen it has the event already."),
        "object": always("event", "What this is."),
        "type": text("What happened.", examples=TYPES),
        "api_version": _VERSION,
        "created_at": timestamp("When it happened."),
        "fact_id": ulid_id("evt_", "The event in the feed, the same at every endpoint; null of a test.", nullable=True),
        "data": _DATA,
    },
)
RECEIVED = replace(_RECEIVED, schema=_RECEIVED.schema | {"additionalProperties": True})

_FACT_ID = "evt_01JSP60A1B2C3D4E5F6G7H8J9K"
_RECORD_ID = "evt_01JSP60A1C4E6G8J0M2P4R6T8V"
_SYNCED = EventType.RECORDS_SYNC_COMPLETED.value
_CREATED_AT = "2026-04-25T14:33:05.000Z"
FED: dict[str, Any] = {
    "id": _FACT_ID,
    "resource_type": "event",
    "webhook_endpoint_id": None,
    "fact_id": _FACT_ID,
    "type": _SYNCED,
    "data": {"object": EXAMPLES[_SYNCED]},
    "api_version": "2026-04-25",
    **NO_DELIVERY,
    "created_at": _CREATED_AT,
}
SENT: dict[str, Any] = FED | {
    "id": _RECORD_ID,
    "webhook_endpoint_id": ENDPOINT_ID,
    "attempts": 2,
    "delivered_at": "2026-04-25T14:34:07.000Z",
    "last_status_code": 200,
    "last_response_body": "OK",
}


def received(type_: str) -> dict[str, Any]:
    """What a receiver gets of an event of this type, by example."""
    return {
        "id": _RECORD_ID,
        "object": "event",
        "type": type_,
        "api_version": "2026-04-25",
        "created_at": _CREATED_AT,
        "fact_id": _FACT_ID,
        "data": {"object": EXAMPLES[type_]},
    }
