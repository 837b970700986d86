"""What the document says of the requests that receivers get (contract §9)."""

from common.describing.shapes import Schema, text
from webhooks.description_events import RECEIVED, received
from webhooks.events import EventType

_HEADERS = {
    "Medblocks-Signature": "`t=<unix time>,v1=<hex>`: HMAC-SHA256 of the time, a dot and the raw body, keyed by the "
    "whole secret. While a rotated secret still signs there is a `v1` for each.",
    "webhook-id": "The event's `id`, as Standard Webhooks has it.",
    "webhook-timestamp": "When this attempt was made, in Unix time.",
    "webhook-signature": "`v1,<base64>` for each secret, as Standard Webhooks has it.",
}
_COMPLETED = "A patient has gone back to your app, or in direct mode has come back from the portal."
_EXPIRED = "A link's time is over, or you ended it."
_HAPPENED = {
    EventType.PATIENT_FLOW_COMPLETED: _COMPLETED,
    EventType.SESSION_COMPLETED: _COMPLETED,
    EventType.PATIENT_SESSION_COMPLETED: _COMPLETED,
    EventType.PATIENT_FLOW_EXPIRED: _EXPIRED,
    EventType.SESSION_EXPIRED: _EXPIRED,
    EventType.PATIENT_SESSION_EXPIRED: _EXPIRED,
    EventType.CONNECTION_CREATED: "A patient gave access, for the first time or anew.",
    EventType.CONNECTION_DISCONNECTED: "Access was ended here, by you or by staff.",
    EventType.CONNECTION_TOKEN_REFRESH_FAILED: "The portal ended the access: the patient has to connect again.",
    EventType.PATIENT_DELETED: "A patient was erased, with every event about them.",
    EventType.RECORDS_SYNC_COMPLETED: "Records were brought here: read them.",
    EventType.RECORDS_SYNC_FAILED: "Nothing could be brought here this time; it is tried again.",
}


def webhooks() -> dict[str, Schema]:
    """The document's section `webhooks`: one request for each type of event."""
    return {type_.value: {"post": _request(type_)} for type_ in EventType}


def _request(type_: EventType) -> Schema:
    content = {"schema": RECEIVED.reference, "example": received(type_)}
    return {
        "operationId": "receive" + "".join(word.capitalize() for word in type_.replace(".", "_").split("_")),
        "summary": f"Receive {type_}",
        "description": f"{_HAPPENED[type_]}\n\nSent to the endpoints that ask for it. Verify the signature over the "
        "raw body, pass over ids that you have seen, and answer within 5 seconds.",
        "tags": ["Receiving"],
        "security": [],
        "parameters": [_header(name, meaning) for name, meaning in _HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "Taken. What the answer says is kept, up to 4 KB, and not read otherwise."},
            "410": {"description": "Nobody is here any more: the endpoint is disabled."},
            "default": {"description": "Not taken, redirects included: it is sent again later."},
        },
    }


def _header(name: str, meaning: str) -> Schema:
    return {"name": name, "in": "header", "required": True, "description": meaning, "schema": text(meaning)}
