"""What the document says of the requests that receivers get (contract §9)."""

from common.describing.shapes import Schema, text
from webhooks.description_events import RECEIVED, TYPES, received

_HEADERS = {
    "Medblocks-Signature": "`t=<unix time>,v1=<hex>`: HMAC-SHA256 of the time, a dot and the raw body, keyed by the "
    "whole secret. While a rotated secret still signs there is a `v1` for each.",
    "webhook-id": "The event's `id`, as Standard Webhooks has it.",
    "webhook-timestamp": "When this attempt was made, in Unix time.",
    "webhook-signature": "`v1,<base64>` for each secret, as Standard Webhooks has it.",
}


def webhooks() -> dict[str, Schema]:
    """The document's section `webhooks`: one request for each type of event."""
    return {type_: {"post": _request(type_)} for type_ in TYPES}


def _request(type_: str) -> Schema:
    content = {"schema": RECEIVED.reference, "example": received(type_)}
    return {
        "operationId": "receive" + "".join(word.capitalize() for word in type_.replace(".", "_").split("_")),
        "summary": f"Receive {type_}",
        "description": "Sent to the endpoints that ask for it. Verify the signature over the raw body, pass over ids "
        "that you have seen, and answer within 5 seconds.",
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
