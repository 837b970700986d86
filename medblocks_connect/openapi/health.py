"""What the document says of the addresses beside the API: health, metrics, the document and its page (contract §10)."""

from typing import Any

from common.describing.shapes import Schema, always, closed_object, text, timestamp, truth
from medblocks_connect.openapi import parts

_NOW = "2026-04-25T14:30:00.000Z"
_HEALTH = closed_object(
    "This process answers.",
    {"ok": always(True, "Who cannot answer says nothing."), "server_time": timestamp("Its clock.")},
)
_CHECK = closed_object(
    "One thing that the product needs.",
    {"ok": truth("Whether it is there."), "reason": text("What is wrong, in a sentence.", nullable=True)},
)
_CHECKS = ("database", "migrations", "worker", "search_index")


def _readiness(ok: bool) -> Schema:
    checks = closed_object("The checks, by name.", dict.fromkeys(_CHECKS, _CHECK))
    return closed_object("What the product needs.", {"ok": always(ok, "Whether all of it is there."), "checks": checks})


def _readiness_example(worker: str | None) -> dict[str, Any]:
    checks: dict[str, Any] = {name: {"ok": True, "reason": None} for name in _CHECKS}
    checks["worker"] = {"ok": worker is None, "reason": worker}
    return {"ok": worker is None, "checks": checks}


def _answer(description: str, schema: Schema, *, example: Any = None, media_type: str = "application/json") -> Schema:
    content = {"schema": schema} | ({"example": example} if example is not None else {})
    headers = parts.header_references("X-Request-Id")
    return {"description": description, "headers": headers, "content": {media_type: content}}


def _get(operation_id: str, summary: str, description: str, responses: dict[str, Schema], **more: Any) -> Schema:
    told = {"operationId": operation_id, "summary": summary, "description": description, "tags": ["Operations"]}
    return {"get": {**told, "security": [], **more, "responses": responses}}


def _cached(description: str, schema: Schema) -> Schema:
    answer = _answer(description, schema)
    return answer | {"headers": parts.header_references("X-Request-Id", "ETag")}


_TEXT: Schema = {"type": "string"}
_UNCHANGED = {
    "description": "What you have is still right.",
    "headers": parts.header_references("X-Request-Id", "ETag"),
}


def paths() -> dict[str, Schema]:
    return {
        "/health": _get(
            "getHealth",
            "Is this process alive?",
            "For load balancers. Needs no key, asks nothing else.",
            {"200": _answer("It is.", _HEALTH, example={"ok": True, "server_time": _NOW})},
        ),
        "/health/ready": _get(
            "getReadiness",
            "Is everything there?",
            "Checks the database, its migrations, the worker's heartbeat and the search index. Needs no key.",
            {
                "200": _answer("Everything is.", _readiness(True), example=_readiness_example(None)),
                "503": _answer(
                    "Something is not; its reason says what.",
                    _readiness(False),
                    example=_readiness_example("No worker is running: start manage.py worker."),
                ),
            },
        ),
        "/metrics": _get(
            "getMetrics",
            "Counts for Prometheus",
            "Requests and durations by route. Off unless METRICS_TOKEN is set, which is the bearer token.",
            {
                "200": _answer("The counts.", _TEXT, media_type="text/plain"),
                "401": parts.error_response(401, ["invalid_api_key"], limited=False),
                "404": parts.error_response(404, ["resource_not_found"], limited=False),
            },
        ),
        "/openapi.json": _get(
            "getDocument",
            "This document",
            "The same on every installation of this version. Needs no key.",
            {"200": _cached("OpenAPI 3.1.", {"type": "object", "additionalProperties": True}), "304": _UNCHANGED},
            parameters=[{"$ref": "#/components/parameters/IfNoneMatch"}],
        ),
        "/docs": _get(
            "getDocsPage",
            "This document for people",
            "A page. Needs no key.",
            {"200": _answer("The page.", _TEXT, media_type="text/html")},
        ),
    }
