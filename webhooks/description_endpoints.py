"""What the API's document says of webhook endpoints (contract §9)."""

from typing import Any

from common.describing.operations import Link, Operation, Operations
from common.describing.shapes import (
    METADATA_LIMITS,
    Schema,
    Shape,
    always,
    choice,
    integer,
    metadata,
    page_of,
    sequence,
    shape,
    text,
    timestamp,
    ulid_id,
)
from common.instants import INSTANT
from common.pagination import PageQuery
from webhooks.addresses import MAX_LENGTH
from webhooks.description_events import ENDPOINT_ID, EVENT, SENT, TYPES
from webhooks.endpoint_serializers import (
    MAX_DESCRIPTION,
    MAX_TYPES,
    EndpointChanges,
    EventRecordsQuery,
    NewEndpoint,
    NewReplay,
    NewTest,
    SecretRotation,
)
from webhooks.endpoint_views import (
    EndpointDetail,
    EndpointEvents,
    EndpointReplay,
    Endpoints,
    EndpointSecret,
    EndpointTest,
)
from webhooks.endpoints import MAX_ENDPOINTS
from webhooks.models import EndpointStatus

IN_THE_PATH = "The endpoint, `wh_…`."
_WANTED: Schema = {"type": "string", "enum": ["*", *TYPES]}

_ENDPOINT: dict[str, Schema] = {
    "id": ulid_id("wh_", "The endpoint."),
    "resource_type": always("webhook_endpoint", "What this object is."),
    "url": text("Where events are sent.", minLength=1, maxLength=MAX_LENGTH),
    "events": sequence("The types it is told of; `*` is all.", _WANTED, minItems=1, maxItems=MAX_TYPES),
    "status": choice("Whether events are sent to it.", EndpointStatus.values),
    "description": text("Your own words about it.", nullable=True, maxLength=MAX_DESCRIPTION),
    "metadata": metadata("Your own data, as you gave it."),
    "api_version": text("The version of the API that its events are written in, for ever that of its creation."),
    "created_at": timestamp("When it was made."),
    "updated_at": timestamp("When it last changed."),
}
ENDPOINT = shape("WebhookEndpoint", "An address of yours that is told of events.", _ENDPOINT)
ENDPOINT_WITH_SECRET = shape(
    "WebhookEndpointWithSecret",
    "The same with its secret, which is shown this once.",
    _ENDPOINT | {"secret": text("What its events are signed with.", pattern="^whsec_[A-Za-z0-9+/]{43}=$")},
)
DELETED_ENDPOINT = shape(
    "DeletedWebhookEndpoint",
    "What is left of an endpoint.",
    {
        "id": ulid_id("wh_", "The id that the endpoint had."),
        "resource_type": always("webhook_endpoint", "What this was."),
        "deleted": always(True, "The endpoint is gone."),
    },
)
# The feed has the name that it would have.
RECORDS = Shape("WebhookEventList", page_of(EVENT).schema, parts=(EVENT,))
REPLAY = shape(
    "WebhookReplay",
    "What is sent again.",
    {
        "resource_type": always("webhook_replay", "What this object is."),
        "webhook_endpoint_id": ulid_id("wh_", "The endpoint."),
        "since": timestamp("From when on."),
        "until": timestamp("Until when."),
        "events": integer("How many are sent.", minimum=0),
    },
)

_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105  opens nothing
_example: dict[str, Any] = {
    "id": ENDPOINT_ID,
    "resource_type": "webhook_endpoint",
    "url": "https://app.example.com/webhooks",
    "events": ["patient_flow.completed", "records.sync.completed"],
    "status": "active",
    "description": "Production",
    "metadata": {"team": "records"},
    "api_version": "2026-04-25",
    "created_at": "2026-04-25T14:00:00.000Z",
    "updated_at": "2026-04-25T14:00:00.000Z",
}
_body_words = {
    "url": "Where to send events: https, and in sandbox workspaces also http to localhost, 127.0.0.1 or [::1]. No "
    "credentials, no fragment; not to an address that is not public, nor to a name that leads to one.",
    "events": "The types to be told of, each once; `*` is all of them, those to come included.",
    "description": "Your own words about it.",
    "metadata": f"Your own data. {METADATA_LIMITS}",
    "status": "`active` switches it on: what happens from then on is sent. `disabled` switches it off.",
}
_limits: dict[str, Schema] = {
    "url": {"format": "uri", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[!-\"$-\[\]-~]+$"},
    "events": {"items": _WANTED, "minItems": 1, "maxItems": MAX_TYPES, "uniqueItems": True},
}
_own_id = {"id": "$response.body#/id"}
_links = (
    Link("GetWebhook", "getWebhook", _own_id),
    Link("UpdateWebhook", "updateWebhook", _own_id),
    Link("DeleteWebhook", "deleteWebhook", _own_id),
    Link("RotateWebhookSecret", "rotateWebhookSecret", _own_id),
    Link("ListWebhookEvents", "listWebhookEvents", _own_id),
    Link("ReplayWebhook", "replayWebhook", _own_id),
    Link("TestWebhook", "testWebhook", _own_id),
)
_path: dict[str, Any] = {"words": {"id": IN_THE_PATH}, "path_examples": {"id": ENDPOINT_ID}}
_instant: Schema = {"format": "date-time", "pattern": f"^{INSTANT}$"}

CREATE = Operation(
    id="createWebhook",
    tag="Webhooks",
    summary="Create a webhook endpoint",
    description="From now on, events of these types are sent to the URL, signed with the secret that this answer has "
    f"and no other. A workspace has at most {MAX_ENDPOINTS} endpoints.",
    body=NewEndpoint,
    body_example={
        "url": "https://app.example.com/webhooks",
        "events": ["patient_flow.completed", "records.sync.completed"],
        "description": "Production",
        "metadata": {"team": "records"},
    },
    words=_body_words,
    limits=_limits,
    answer=ENDPOINT_WITH_SECRET,
    example=_example | {"secret": _SECRET},
    codes=("quota_exceeded",),
    links=_links,
)
LIST = Operation(
    id="listWebhooks",
    tag="Webhooks",
    summary="List webhook endpoints",
    description="The endpoints of the workspace, newest first.",
    query=PageQuery,
    words={"limit": "How many on a page.", "starting_after": "The `next_cursor` of the page before."},
    answer=page_of(ENDPOINT),
    example={"resource_type": "list", "data": [_example], "has_more": False, "next_cursor": None},
)
GET = Operation(
    id="getWebhook",
    tag="Webhooks",
    summary="Get a webhook endpoint",
    description="One endpoint, without its secret.",
    **_path,
    answer=ENDPOINT,
    example=_example,
    codes=("resource_not_found",),
)
UPDATE = Operation(
    id="updateWebhook",
    tag="Webhooks",
    summary="Change a webhook endpoint",
    description="Replaces what is given, and nothing else; `metadata` as a whole. `description` may be null. What "
    "happened while it was disabled stays undelivered until you redeliver or replay it.",
    body=EndpointChanges,
    body_example={"events": ["*"], "status": "active"},
    words=_body_words | {"id": IN_THE_PATH},
    path_examples={"id": ENDPOINT_ID},
    limits=_limits,
    answer=ENDPOINT,
    example=_example | {"events": ["*"], "updated_at": "2026-04-26T09:00:00.000Z"},
    codes=("resource_not_found",),
    links=(Link("GetWebhook", "getWebhook", _own_id),),
)
DELETE = Operation(
    id="deleteWebhook",
    tag="Webhooks",
    summary="Delete a webhook endpoint",
    description="Sends nothing more to it, and forgets what was sent. The events stay in the feed.",
    **_path,
    answer=DELETED_ENDPOINT,
    example={"id": ENDPOINT_ID, "resource_type": "webhook_endpoint", "deleted": True},
    codes=("resource_not_found",),
)
ROTATE = Operation(
    id="rotateWebhookSecret",
    tag="Webhooks",
    summary="Rotate a secret",
    description="Gives the endpoint a new secret, which this answer has and no other. With `expire_current_in` the "
    "current one goes on signing beside it for a while: either verifies every event.",
    body=SecretRotation,
    body_example={"expire_current_in": 3600},
    words={"expire_current_in": "For how many seconds the current secret goes on signing.", "id": IN_THE_PATH},
    path_examples={"id": ENDPOINT_ID},
    answer=ENDPOINT_WITH_SECRET,
    example=_example | {"secret": _SECRET},
    codes=("resource_not_found",),
)
EVENTS = Operation(
    id="listWebhookEvents",
    tag="Webhooks",
    summary="List the events of an endpoint",
    description="What was or is to be sent to the endpoint, of the last 30 days, newest first, and what came of it.",
    query=EventRecordsQuery,
    words={
        "id": IN_THE_PATH,
        "limit": "How many on a page.",
        "starting_after": "The `next_cursor` of the page before, with the same filter.",
        "delivered": "Only those that it took, or only those that it did not.",
    },
    path_examples={"id": ENDPOINT_ID},
    answer=RECORDS,
    example={"resource_type": "list", "data": [SENT], "has_more": False, "next_cursor": None},
    codes=("resource_not_found",),
    links=(Link("RedeliverEvent", "redeliverEvent", {"id": "$response.body#/data/0/id"}),),
)
REPLAY_EVENTS = Operation(
    id="replayWebhook",
    tag="Webhooks",
    summary="Replay events",
    description="Sends again what happened in a while and was not delivered, the oldest first, 20 a second, with the "
    "same ids; once a minute. 409 `resource_conflict` while the endpoint is disabled.",
    body=NewReplay,
    body_example={"since": "2026-04-25T00:00:00Z"},
    words={
        "id": IN_THE_PATH,
        "since": "What happened at or after this moment, with its zone.",
        "until": "And at or before this one; now unless given.",
        "include_delivered": "Also those that were delivered.",
    },
    limits={"since": _instant, "until": _instant},
    path_examples={"id": ENDPOINT_ID},
    answer=REPLAY,
    example={
        "resource_type": "webhook_replay",
        "webhook_endpoint_id": ENDPOINT_ID,
        "since": "2026-04-25T00:00:00.000Z",
        "until": "2026-04-26T09:00:00.000Z",
        "events": 17,
    },
    codes=("resource_not_found", "resource_conflict"),
)
TEST = Operation(
    id="testWebhook",
    tag="Webhooks",
    summary="Send a test event",
    description="Sends a realistic example of a type to the endpoint, as if it had just happened, also where it does "
    "not ask for that type. Its `fact_id` is null, and it is not in the feed. 409 `resource_conflict` while the "
    "endpoint is disabled.",
    body=NewTest,
    body_example={"type": "records.sync.completed"},
    words={"id": IN_THE_PATH, "type": "The type of the example."},
    limits={"type": {"enum": TYPES}},
    path_examples={"id": ENDPOINT_ID},
    answer=EVENT,
    example=SENT
    | {"fact_id": None, "attempts": 0, "next_attempt_at": SENT["created_at"], "delivered_at": None}
    | {"last_status_code": None, "last_response_body": None},
    codes=("resource_not_found", "resource_conflict"),
    links=(Link("GetEvent", "getEvent", _own_id), Link("RedeliverEvent", "redeliverEvent", _own_id)),
)

OPERATIONS: Operations = {
    (Endpoints, "POST"): lambda view: CREATE,
    (Endpoints, "GET"): lambda view: LIST,
    (EndpointDetail, "GET"): lambda view: GET,
    (EndpointDetail, "PATCH"): lambda view: UPDATE,
    (EndpointDetail, "DELETE"): lambda view: DELETE,
    (EndpointSecret, "POST"): lambda view: ROTATE,
    (EndpointEvents, "GET"): lambda view: EVENTS,
    (EndpointReplay, "POST"): lambda view: REPLAY_EVENTS,
    (EndpointTest, "POST"): lambda view: TEST,
}
