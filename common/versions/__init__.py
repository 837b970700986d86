"""API versions. A key is pinned to one; a request may ask for another with the `Version` header.

The code speaks the newest version only. What a client of an older one sends is turned up to it, change by change;
what the code answers is turned down. The next version is one more module in this package, `v<date>.py`, with a
`VERSION`; the rules are in docs/versions.md.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from common.errors import UnsupportedVersion
from common.versions.change import Change, Fields, Version

# What callers and portals wrote themselves; none of ours, whatever it looks like.
_NOT_OURS = {"metadata", "resource"}
# What was sent to an endpoint is in the endpoint's own version already: an event with this is shown as it was sent.
_ENDPOINT = "webhook_endpoint_id"


def _published() -> list[Version]:
    """All versions, oldest first."""
    names = sorted(module.name for module in iter_modules(__path__) if module.name.startswith("v2"))
    return [import_module(f"{__name__}.{name}").VERSION for name in names]


VERSIONS = _published()


def current() -> str:
    """The newest version: the one that the code speaks, and that new keys are pinned to."""
    return VERSIONS[-1].date


def published() -> list[str]:
    return [version.date for version in VERSIONS]


def negotiate(requested: str | None, pinned: str) -> str:
    """The version that answers. Raises UnsupportedVersion for one that was never published."""
    version = pinned if requested is None else requested
    if version not in published():
        known = ", ".join(published())
        raise UnsupportedVersion(f"This API has no such version. Published: {known}.")
    return version


def body_up(operation: str, body: Any, version: str) -> Any:
    """The body that a client of `version` sent, as the newest version has it. What is no object stays as it is."""
    for change in _changes_since(version):
        if operation in change.bodies and isinstance(body, dict):
            body = change.bodies[operation](dict(body))
    return body


def query_up(operation: str, query: Fields, version: str) -> Fields:
    """The same for query parameters."""
    for change in _changes_since(version):
        if operation in change.queries:
            query = change.queries[operation](dict(query))
    return query


def answer_down(operation: str, answer: Any, version: str) -> Any:
    """An answer of the newest version, error or not, as a client of `version` knows it."""
    for change in reversed(_changes_since(version)):
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            translate = change.errors.get(operation, dict)
            answer = {"error": translate(dict(answer["error"]))}
        else:
            answer = _objects_down(answer, change)
    return answer


def _objects_down(value: Any, change: Change) -> Any:
    if isinstance(value, list):
        return [_objects_down(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    as_it_is = _NOT_OURS | {"data"} if value.get(_ENDPOINT) else _NOT_OURS
    inside = {name: item if name in as_it_is else _objects_down(item, change) for name, item in value.items()}
    return change.objects.get(str(inside.get("resource_type")), dict)(inside)


def _changes_since(version: str) -> list[Change]:
    """The changes that a client of `version` does not know, oldest first. Dates sort as text."""
    return [change for later in VERSIONS if later.date > version for change in later.changes]
