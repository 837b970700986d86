"""What resources refer to: the patient they are about, and what else is worth reading."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from records import plans
from records.fhir.addresses import is_id, is_within

# Others belong to the patient's record and are searched for, or are nobody's business.
FOLLOWED = frozenset(plans.FOLLOWED)
MAX_DEPTH = 100
# So many different ones are looked at on a page. Real ones name the same few people and places again and again.
MAX_DIFFERENT = 20_000
# The elements by which resources say whom they are about.
_ABOUT = ("subject", "patient", "beneficiary")
_TYPES = FOLLOWED | {"Patient"}
_NAMES_A_TYPE = re.compile(rf"(?:^|/)(?:{'|'.join(sorted(_TYPES))})/")


class TooDeep(Exception):
    """A resource is nested deeper than any real one."""


class TooMany(Exception):
    """There are more than MAX_DIFFERENT references on a page."""


@dataclass(frozen=True)
class Chart:
    """One patient's record at one server: the base URL, without a slash at its end, and the id of the Patient."""

    base_url: str
    patient: str


class References:
    """Understands the references on one page. Both methods raise TooMany; of one spelling, only the first costs."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._targets: dict[str, tuple[str, str] | None] = {}

    def followed(self, resource: dict[str, Any]) -> frozenset[tuple[str, str]]:
        """Type and id of each followed resource of the same server that this one refers to, attachments included.

        Raises TooDeep.
        """
        found = set()
        for part in _objects(resource):
            reference, url = part.get("reference"), part.get("url")
            if isinstance(reference, str) and (target := self._target(reference)) and target[0] in FOLLOWED:
                found.add(target)
            if isinstance(url, str) and (target := self._target(url)) and target[0] == "Binary":
                found.add(target)
        return frozenset(found)

    def is_about_another(self, resource: dict[str, Any]) -> bool:
        """Whether this is another Patient than the chart's, or is about another one. Ids count letter by letter.

        Where an element names several patients, the chart's may be any of them.
        """
        if resource.get("resourceType") == "Patient":
            return resource.get("id") != self._chart.patient
        return any(self._is_of_another(resource[name]) for name in _ABOUT if name in resource)

    def _is_of_another(self, element: Any) -> bool:
        given = element if isinstance(element, list) else [element]
        references = [each.get("reference") for each in given if isinstance(each, dict)]
        targets = [self._target(reference) for reference in references if isinstance(reference, str)]
        patients = {target[1] for target in targets if target and target[0] == "Patient"}
        return bool(patients) and self._chart.patient not in patients

    def _target(self, reference: str) -> tuple[str, str] | None:
        if not _NAMES_A_TYPE.search(reference):
            return None
        if reference not in self._targets:
            if len(self._targets) >= MAX_DIFFERENT:
                raise TooMany
            self._targets[reference] = _target(reference, self._chart.base_url)
        return self._targets[reference]


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
    """The resource that a reference names: relative, or absolute at the same server; of whichever version."""
    kind, _, rest = reference.removeprefix(f"{base_url}/").partition("/")
    if kind not in _TYPES:  # perhaps the host is written otherwise
        if "://" not in reference or not is_within(base_url, reference):
            return None
        kind, _, rest = urlsplit(reference).path.removeprefix(urlsplit(base_url).path).lstrip("/").partition("/")
    name, _, version = rest.partition("/")
    resource_id = unquote(name)
    is_version = not version or version.startswith("_history/")
    return (kind, resource_id) if kind in _TYPES and is_version and is_id(resource_id) else None
