"""What operations have in common: headers, parameters, the envelope of errors."""

from typing import Any

from common.describing.shapes import Schema, closed_object, text
from common.error_examples import EXAMPLES
from common.error_pages import ERRORS
from common.versions import published

CODES_OF_EVERY_OPERATION = {
    "bad_request",
    "unsupported_api_version",
    "missing_api_key",
    "invalid_api_key",
    "expired_api_key",
    "insufficient_scope",
    "throttled",
    "internal_error",
    "service_unavailable",
}
_BODY = {"payload_too_large", "unsupported_media_type"}
CODES_OF_METHODS = {"POST": _BODY | {"resource_conflict"}, "PUT": _BODY, "PATCH": _BODY}
# A query parameter that is not valid is refused with 400, and so are names that are not described.
DESCRIPTIONS = {
    400: "Something in the request is not valid; `param` names it.",
    401: "The key is missing, unknown, revoked or expired.",
    403: "The key lacks the scope.",
    404: "There is no such object in this workspace.",
    409: "The request contradicts one that was made before.",
    413: "The body is larger than 256 KB.",
    415: "The body is not JSON.",
    429: "Too many requests.",
    500: "Something broke on our side.",
    503: "The server cannot answer right now.",
}
ERROR = closed_object(
    "The envelope of every error. All six keys are always there.",
    {
        "error": closed_object(
            "What went wrong.",
            {
                "type": text("The kind of error.", enum=sorted({page.type for page in ERRORS.values()})),
                "code": text("The error's stable name.", enum=list(ERRORS)),
                "message": text("A sentence for a developer.", minLength=1),
                "param": text("The field at fault, dotted for nested ones; null where none is.", nullable=True),
                "doc_url": text("The page about the code.", format="uri"),
                "request_id": text("Finds the request in our logs.", format="uuid"),
            },
        )
    },
)
_ASCII_WITHOUT_COMMA = r"^[!-+\--~]([ -+\--~]*[!-+\--~])?$"
_COUNT: Schema = {"type": "integer", "minimum": 0}
HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "The request's id: yours, if it was a UUID.",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Limit": {"description": "How many requests the key may make in a period.", "schema": _COUNT},
    "RateLimit-Remaining": {"description": "How many of them are left.", "schema": _COUNT},
    "RateLimit-Reset": {"description": "In how many seconds a new period begins.", "schema": _COUNT},
    "Idempotent-Replayed": {
        "description": "Present where the answer is the stored one of an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "required": True, "schema": {"type": "string"}},
    "ETag": {"description": "Changes with the answer.", "required": True, "schema": {"type": "string"}},
}
_EVERYWHERE = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
PARAMETERS: dict[str, Schema] = {
    "Version": {
        "name": "Version",
        "in": "header",
        "description": "The version of the API that answers. Left out: the one pinned on the key.",
        "schema": {"type": "string", "enum": published()},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "A UUID of yours for this request. Anything else is replaced by one of ours.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a retry safe: within 24 hours the same key and body get the stored answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _ASCII_WITHOUT_COMMA},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of the answer you have.",
        "schema": {"type": "string"},
    },
}


def path_parameter(name: str, description: str, example: str) -> Schema:
    schema = {"type": "string", "minLength": 1}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def query_parameter(name: str, description: str, limits: Schema, required: list[str]) -> Schema:
    return {"name": name, "in": "query", "required": name in required, "description": description, "schema": limits}


def no_fields() -> Schema:
    schema = closed_object("No fields.", {})
    return {"required": False, "content": {"application/json": {"schema": schema, "example": {}}}}


def header_parameters(method: str, *, is_conditional: bool) -> list[Schema]:
    names = ["Version", "RequestId"]
    names += ["IdempotencyKey"] if method == "POST" else []
    names += ["IfNoneMatch"] if is_conditional else []
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def header_references(*names: str) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def success_headers(method: str, *, is_conditional: bool) -> dict[str, Schema]:
    names = [*_EVERYWHERE, *(["Idempotent-Replayed"] if method == "POST" else [])]
    return header_references(*names, *(["ETag"] if is_conditional else []))


def not_modified() -> Schema:
    return {"description": "The answer you have is still right.", "headers": header_references(*_EVERYWHERE, "ETag")}


def error_responses(codes: set[str]) -> dict[str, Schema]:
    """By status, in order: the envelope, the codes possible, an example of each."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes, key=list(ERRORS).index):
        by_status.setdefault(ERRORS[code].status, []).append(code)
    return {str(status): error_response(status, by_status[status]) for status in sorted(by_status)}


def error_response(status: int, codes: list[str], *, limited: bool = True) -> Schema:
    """`limited`: whether the path counts towards the rate limit."""
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    special = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    return {
        "description": DESCRIPTIONS[status],
        "headers": header_references(*(_EVERYWHERE if limited else _EVERYWHERE[:1]), *special),
        "content": {
            "application/json": {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Error"}, narrowed]},
                "examples": {code: {"value": _example(code)} for code in codes},
            }
        },
    }


def _example(code: str) -> dict[str, Any]:
    return EXAMPLES[code].envelope(code)
