"""The entries of a Bundle: which of them are usable resources."""

import re
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from records.fhir.addresses import is_id
from records.fhir.problems import words_of
from records.fhir.references import Chart, References, TooDeep
from sources.portal_errors import portal_words

MAX_REFERENCES = 1_000
_TYPE = re.compile(r"[A-Za-z]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Found:
    """One usable resource on a page: its type and id, the index of its entry, and what it refers to.

    `references` are type and id of resources at the same server, of FOLLOWED types only.
    """

    resource_type: str
    resource_id: str
    index: int
    references: frozenset[tuple[str, str]]


class Entries:
    """Takes the entries of one page, one after the other."""

    def __init__(self, chart: Chart, token: str) -> None:
        self.unusable = 0
        self._references, self._token = References(chart), token
        self._found: dict[tuple[str, str], Found] = {}
        self._words: list[str] = []

    @property
    def found(self) -> tuple[Found, ...]:
        """Each type and id once: the last of several."""
        return tuple(self._found.values())

    @property
    def words(self) -> str:
        """What OperationOutcomes among the entries say."""
        return portal_words(" ".join(dict.fromkeys(self._words)))

    def add(self, index: int, entry: Any) -> None:
        """Put an entry where it belongs; it may be anything. None is one that cannot be stored.

        What is about another patient is unusable. Raises `references.TooMany`.
        """
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            self.unusable += 1
        elif resource.get("resourceType") == "OperationOutcome":
            self._words.append(words_of(resource, self._token))
        elif not _is_outcome(entry):
            self._add_resource(index, resource)

    def _add_resource(self, index: int, resource: dict[str, Any]) -> None:
        resource_type, resource_id = resource.get("resourceType"), resource.get("id")
        try:
            references = self._references.followed(resource)
        except TooDeep:
            references = None
        is_ours = references is not None and not self._references.is_about_another(resource)
        if references is not None and is_ours and is_type(resource_type) and is_id(resource_id):
            found = Found(resource_type, resource_id, index, references)
            self._found[resource_type, resource_id] = found
        else:
            self.unusable += 1

    def with_few_references(self) -> tuple[Found, ...]:
        """What was found; where it refers to more than MAX_REFERENCES other resources, to those many of them."""
        known: set[tuple[str, str]] = set()
        for each in self._found.values():
            known |= each.references
        if len(known) <= MAX_REFERENCES:
            return self.found
        followed = frozenset(sorted(known)[:MAX_REFERENCES])
        return tuple(replace(each, references=each.references & followed) for each in self.found)


def is_type(text: object) -> TypeGuard[str]:
    """Whether this can be the type of a resource."""
    return isinstance(text, str) and _TYPE.fullmatch(text) is not None


def _is_outcome(entry: dict[str, Any]) -> bool:
    search = entry.get("search")
    return isinstance(search, dict) and search.get("mode") == "outcome"
