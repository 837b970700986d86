"""What the search index reads of the catalogue: places with their portals in the order of equal hits, and brands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import BooleanField, Count, ExpressionWrapper, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Lower

from sources.models import DirectoryEntry, Facility, Portal, Source

_BATCH = 5_000
_HOSPITAL = "(hospital|medical center|med ctr|health system|health network)"
# What a vendor left in the directory for itself: "Production-TEST", "XX_DO NOT USE".
_FOR_TESTS = "(^|[^a-z])(test|sandbox|demo|inactive|do[ _]not[ _]use)([^a-z]|$)"
_BETTER_KNOWN = [F(name).desc() for name in ("times_chosen", "size", "listed", "is_hospital")]


class Listed(NamedTuple):
    """What the index takes of a facility."""

    pk: int
    name: str
    aliases: list[str]
    brand_id: int | None
    city: str
    state: str
    postal_code: str
    places: list[str]
    website: str
    npis: list[str]


class Way(NamedTuple):
    """What it takes of a facility's portal."""

    pair: int
    source_id: str
    name: str
    url: str | None


@dataclass
class Brand:
    """The name of a brand, and the environments and workspaces whose sources it has."""

    name: str
    seen_in: set[tuple[str, str | None]]

    def is_seen_with(self, source: Source) -> bool:
        """Whether all who see the source may see the brand."""
        owners = {(source.environment, None), (source.environment, source.organization_id)}
        return not owners.isdisjoint(self.seen_in)


NO_BRAND = Brand("", set())


def brands() -> dict[int, Brand]:
    """The places that others are part of, and that are not retired."""
    known = Facility.objects.filter(facilities__isnull=False, retired_at=None).distinct()
    found = {pk: Brand(name, set()) for pk, name in known.values_list("pk", "name")}
    portals = Portal.objects.filter(facility__in=known, source__retired_at=None).order_by()
    seen = portals.values_list("facility_id", "source__environment", "source__organization_id").distinct()
    for facility_id, environment, organization_id in seen:
        found[facility_id].seen_in.add((environment, organization_id))
    return found


def facilities() -> Iterator[tuple[Listed, list[Way]]]:
    """The places that are not retired, with all their portals.

    Those for tests come last, the more often chosen first, then the better known: brands of more places, then those
    that more directories list; then hospitals before practices; then by name.
    """
    ordered = (
        Facility.objects.filter(retired_at=None)
        .annotate(size=Coalesce(_parts(), 0), listed=Coalesce(_entries(), 0))
        .annotate(is_for_tests=_is_called(_FOR_TESTS), is_hospital=_is_called(_HOSPITAL))
        .order_by("is_for_tests", *_BETTER_KNOWN, Lower("name"), "pk")
        .values_list(*Listed._fields)
    )
    batch: list[Listed] = []
    for row in ordered.iterator(chunk_size=_BATCH):
        batch.append(Listed._make(row))
        if len(batch) == _BATCH:
            yield from _with_portals(batch)
            batch = []
    yield from _with_portals(batch)


def _is_called(pattern: str) -> "ExpressionWrapper[Q]":
    return ExpressionWrapper(Q(name__iregex=pattern), output_field=BooleanField())


def _parts() -> Subquery:
    """How many places a brand has."""
    places = Facility.objects.filter(brand=OuterRef("pk"), retired_at=None).order_by()
    return Subquery(places.values("brand").annotate(count=Count("pk")).values("count"))


def _entries() -> Subquery:
    """How many directories list a place."""
    entries = DirectoryEntry.objects.filter(facility=OuterRef("pk")).order_by()
    return Subquery(entries.values("facility").annotate(count=Count("directory", distinct=True)).values("count"))


def _with_portals(facilities: list[Listed]) -> Iterator[tuple[Listed, list[Way]]]:
    found: dict[int, list[Way]] = {facility.pk: [] for facility in facilities}
    portals = Portal.objects.filter(facility__in=list(found)).order_by("pk")
    for facility_id, *way in portals.values_list("facility_id", "pk", "source_id", "name", "url"):
        found[facility_id].append(Way._make(way))
    return ((facility, found[facility.pk]) for facility in facilities)
