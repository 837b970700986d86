"""What else is worth reading: the resources that a resource refers to."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from records.fhir.addresses import is_id, is_within

# Others belong to the patient's record and are searched for, or are nobody's business.
FOLLOWED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Medication", "Location", "Binary"})
MAX_DEPTH = 100


class TooDeep(Exception):
    """A resource is nested deeper than any real one."""


def references_of(resource: dict[str, Any], base_url: str) -> frozenset[tuple[str, str]]:
    """Type and id of each followed resource of the same server that this one refers to, attachments included.

    Raises TooDeep.
    """
    found = set()
    for part in _objects(resource):
        reference, url = part.get("reference"), part.get("url")
        if isinstance(reference, str) and (target := _target(reference, base_url)):
            found.add(target)
        if isinstance(url, str) and "Binary/" in url and (target := _target(url, base_url)) and target[0] == "Binary":
            found.add(target)
    return frozenset(found)


def _objects(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All objects in a resource, level by level; its strings and numbers, most of it, cost one look each."""
    level: list[Any] = [resource]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            if container.__class__ is dict:
                yield container
                container = container.values()
            below += [value for value in container if value.__class__ is dict or value.__class__ is list]
        if not below:
            return
        level = below
    raise TooDeep


def _target(reference: str, base_url: str) -> tuple[str, str] | None:
    """The followed resource that a reference names: relative, or absolute at the same server; of whichever version."""
    kind, _, rest = reference.removeprefix(f"{base_url}/").partition("/")
    if kind not in FOLLOWED:  # perhaps the host is written otherwise
        if "://" not in reference or not any(f"/{followed}/" in reference for followed in FOLLOWED):
            return None
        if not is_within(base_url, reference):
            return None
        kind, _, rest = urlsplit(reference).path.removeprefix(urlsplit(base_url).path).lstrip("/").partition("/")
    name, _, version = rest.partition("/")
    resource_id = unquote(name)
    is_version = not version or version.startswith("_history/")
    return (kind, resource_id) if kind in FOLLOWED and is_version and is_id(resource_id) else None
