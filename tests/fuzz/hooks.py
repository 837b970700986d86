"""What valid input is beyond its JSON Schema."""

from urllib.parse import unquote

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

_HOSTS = ["https://app.example", "https://app.example:8443", "http://localhost:3000", "http://127.0.0.1"]
_PATHS = ["", "/", "/back", "/back?state=1", "/b%C3%A4ck?a=1&b=2"]
_PLACES = ["80202", "94110-1234", "39.74,-104.99", "0, 180"]
_INSTANTS = ["2026-04-25T14:30:00Z", "0001-01-01T00:00:00.5+14:00", "9999-12-31T23:59:59.999999999-12:30"]

_deleted: set[str] = set()

schemathesis.openapi.format("uri", st.builds(str.__add__, st.sampled_from(_HOSTS), st.sampled_from(_PATHS)))
schemathesis.openapi.format("place", st.sampled_from(_PLACES))
schemathesis.openapi.format("date-time", st.sampled_from(_INSTANTS))


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Make valid what was meant to be valid, and see that what was meant to be refused has a reason to be."""
    # Ids of earlier answers are tried here too, and not all of them are text that a header can carry.
    if not str((case.headers or {}).get("X-Request-Id", "")).isascii():
        case.headers["X-Request-Id"] = "not ASCII"
    is_valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if isinstance(case.query, dict):
        _correct_query(case.query, is_valid)
    if isinstance(case.body, dict) and is_valid:
        _correct_body(case)


@schemathesis.hook
def after_call(ctx, case, response):
    if case.method == "DELETE" and case.path == "/patients/{id}" and response.status_code == 200:
        _deleted.add(response.json()["id"])


def _correct_query(query, is_valid):
    if not is_valid:
        # Null and empty lists are sent as an empty text, which is a valid `q`.
        if query.get("q") == "":
            query["q"] = "\x00"
        return
    # Cursors are signed, and good for one list with one set of filters.
    query.pop("starting_after", None)
    query.pop("ending_before", None)
    # Not every five digits are a postal code, nor every two numbers a place.
    if "near" in query:
        query["near"] = _PLACES[len(str(query["near"])) % len(_PLACES)]


def _correct_body(case):
    body = case.body
    # A flow makes its patient anew. The check that what was deleted stays away does not know that: take another.
    if body.get("patient_id") in _deleted and case.path != "/patients":
        body["patient_id"] = f"another-{len(_deleted)}"
    # The address says it too, and both must be the same.
    if case.method == "PUT":
        body["patient_id"] = unquote(str(case.path_parameters["id"]))
    # Which schemes of apps are allowed is the workspace's to say; here none is. And not every text names a host.
    for name in ("return_url", "url"):
        if isinstance(body.get(name), str) and not body[name].startswith(tuple(_HOSTS)):
            body[name] = f"https://app.example/{body[name][20:]}"
    # To JSON Schema 60.0 is an integer.
    for name in ("expires_in", "expire_current_in"):
        if isinstance(body.get(name), float):
            body[name] = int(body[name])
    # What is replayed has an end after its beginning.
    if case.path.endswith("/replay"):
        body["since"] = _INSTANTS[0]
        if "until" in body:
            body["until"] = _INSTANTS[2]
    if "metadata" in body:
        body["metadata"] = _within_64_bits(body["metadata"])


def _within_64_bits(value):
    """The same JSON without numbers out of range: that they are below 2^63 the document says in words only."""
    match value:
        case dict():
            return {name: _within_64_bits(inner) for name, inner in value.items()}
        case list():
            return [_within_64_bits(inner) for inner in value]
        case int() | float() if abs(value) >= 2**63:
            return 2**63
    return value
