"""What a workspace may see and offer, as terms of the index and for rows at hand."""

import time
from dataclasses import dataclass

from tantivy import Query

from organizations.models import Organization
from sources.models import ClientRegistration, Source
from sources.searching import index
from sources.searching.documents import access
from sources.searching.index import OpenIndex


@dataclass(frozen=True)
class Usable:
    """Where a workspace can sign patients in: what SourceQuerySet.offered_to asks the database, for rows at hand."""

    vendors: frozenset[str]
    sources: frozenset[str]

    @classmethod
    def by(cls, organization: Organization) -> "Usable":
        """As it was at most RECHECK_SECONDS ago. At most one query."""
        now = time.monotonic()
        seen_at, usable = _seen.get(organization.id, (0.0, None))
        if usable is None or now - seen_at >= index.RECHECK_SECONDS:
            rows = list(ClientRegistration.objects.usable_by(organization).values_list("vendor", "source_id"))
            usable = cls(frozenset(vendor for vendor, _ in rows if vendor), frozenset(pk for _, pk in rows if pk))
            _remember(organization.id, now, usable)
        return usable

    def at(self, source: Source) -> bool:
        return source.pk in self.sources or source.type in self.vendors

    def conditions(self, organization: Organization, opened: OpenIndex) -> list[Query]:
        known_as = sorted(self.vendors) + sorted(self.sources)
        return opened.only("access", [f"{seen}|{name}" for seen in _accesses(organization) for name in known_as])


# What each workspace could use when it last was asked for. The database decides again when a patient chooses.
_seen: dict[str, tuple[float, Usable]] = {}
_MOST_SEEN = 1_000


def _remember(organization_id: str, now: float, usable: Usable) -> None:
    if len(_seen) >= _MOST_SEEN:
        _seen.clear()
    _seen[organization_id] = (now, usable)


def visible_to(organization: Organization, opened: OpenIndex) -> list[Query]:
    """As SourceQuerySet.visible_to says it."""
    return opened.only("access", _accesses(organization))


def _accesses(organization: Organization) -> list[str]:
    return [access(organization.environment, owner) for owner in (None, organization.id)]
