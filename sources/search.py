"""Finding a facility by what a patient types: its name, another name, its place, its web address.

One search for the picker and for `GET /connections`. `searching/` has its parts: `words` and `links` fold text,
`asked` reads a query, `stages` widens it, `queries` asks the index, `ranking` orders, `reasons` explains.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tantivy import Query

from organizations.models import Organization
from sources.geography import Point
from sources.models import ClientRegistration, Facility, Portal, Source
from sources.searching import asked, queries
from sources.searching.asked import Asked
from sources.searching.documents import access
from sources.searching.index import OpenIndex, current
from sources.searching.ranking import Ranked, run
from sources.searching.reasons import why
from sources.searching.stages import ENOUGH, Stage, stages

# Pairs read for each hit wanted, to begin with: one portal may have thousands of facilities of one name.
_PAIRS_PER_HIT = 8
# How many sources may have come in above a page's end until it is no longer found.
_SLACK = 100


@dataclass(frozen=True)
class Hit:
    """A place that matches, with the portals that have its records.

    Each portal has its `source` loaded and `is_offered`: whether this workspace can sign patients in there.
    `others` counts further places of the same name behind the same portals. `why` says what matched where
    that is not obvious: "Also known as MGH". `distance_km` is from the point that was asked for.
    """

    facility: Facility
    portals: tuple[Portal, ...]
    others: int
    why: str
    distance_km: float | None


@dataclass(frozen=True)
class Results:
    hits: list[Hit]
    has_more: bool


@dataclass(frozen=True)
class SourceHit:
    """A source with its best matching place."""

    source: Source
    facility: Facility
    distance_km: float | None


@dataclass(frozen=True)
class Position:
    """Where a page of sources ended: the pair of facility and source of its last hit, and how many came so far."""

    pair: int
    count: int


def search(
    text: str, *, organization: Organization, limit: int, near: Point | None = None, offered_only: bool = True
) -> Results:
    """The places that match `text`, best first; near a point the nearer ones first. At most three queries.

    Any text is fine; one without letters or digits finds nothing, or with `near` the nearest places. Only
    what the workspace may see, and with `offered_only` only where its patients can sign in.
    """
    question, index = asked.read(text), current()
    usable = Usable.by(organization)
    filters = [usable.query(organization, index) if offered_only else _visible_to(organization, index)]
    groups = _widened(question, near, filters, index, wanted=limit + 1, key=lambda one: one.group)
    portals = _portals([group[0].facility for group in groups[:limit]], organization, usable, offered_only=offered_only)
    hits = []
    for group in groups[:limit]:
        # What the index still has and the database no longer allows is left out.
        if found := portals.get(group[0].facility):
            others = _others(group, found, filters, index)
            distance = group[0].distance_km if question.near or near else None
            facility = found[0].facility
            hits.append(Hit(facility, tuple(found), others, why(question, facility, found), distance))
    return Results(hits, has_more=len(groups) > limit)


def search_sources(
    text: str,
    *,
    organization: Organization,
    vendor: str | None,
    limit: int,
    near: Point | None = None,
    after: Position | None,
) -> tuple[list[SourceHit], Position | None]:
    """A page of the visible sources in the order of `search`, each once with its best place, and its end.

    The end is None on the last page. At most two queries. A change of the catalogue between two pages
    neither repeats nor skips what it leaves alone, as long as the hit at `after` is still there.
    """
    question, index = asked.read(text), current()
    filters = [_visible_to(organization, index), *([queries.term("vendor", vendor)] if vendor is not None else [])]
    count = after.count if after else 0
    wanted = count + limit + 1 + _SLACK
    groups = _widened(question, near, filters, index, wanted=wanted, key=lambda one: one.source_number)
    ranked = [group[0] for group in groups]
    start = next((place for place, one in enumerate(ranked, 1) if after and one.pair == after.pair), count)
    page, has_more = ranked[start : start + limit], len(ranked) > start + limit
    visible = Source.objects.visible_to(organization)
    rows = Portal.objects.filter(source__in=visible).select_related("source", "facility__brand")
    found = rows.in_bulk([one.pair for one in page])
    is_near = near is not None or question.near is not None
    hits = [
        SourceHit(found[one.pair].source, found[one.pair].facility, one.distance_km if is_near else None)
        for one in page
        if one.pair in found
    ]
    return hits, Position(page[-1].pair, start + limit) if has_more else None


@dataclass(frozen=True)
class Usable:
    """Where a workspace can sign patients in: what SourceQuerySet.offered_to asks the database, for rows at hand."""

    vendors: frozenset[str]
    sources: frozenset[str]

    @classmethod
    def by(cls, organization: Organization) -> "Usable":
        """One query."""
        rows = ClientRegistration.objects.usable_by(organization).values_list("vendor", "source_id")
        found = list(rows)
        return cls(frozenset(vendor for vendor, _ in found if vendor), frozenset(pk for _, pk in found if pk))

    def at(self, source: Source) -> bool:
        return source.pk in self.sources or source.type in self.vendors

    def query(self, organization: Organization, index: OpenIndex) -> Query:
        known_as = sorted(self.vendors) + sorted(self.sources)
        return index.any_of("access", [f"{seen}|{name}" for seen in _accesses(organization) for name in known_as])


def _widened(
    question: Asked,
    near: Point | None,
    filters: list[Query],
    index: OpenIndex,
    *,
    wanted: int,
    key: Callable[[Ranked], int],
) -> list[list[Ranked]]:
    """The hits of one stage after the other by their `key`, until enough keys are found."""
    found: dict[int, dict[int, Ranked]] = {}
    if question.is_empty and near is None:
        return []
    for stage in stages(question, near, index, found.__len__):
        for one in _ranked(stage, filters, index, wanted, known=found.keys(), key=key):
            found.setdefault(key(one), {}).setdefault(one.pair, one)
        if len(found) >= min(wanted, ENOUGH):
            break
    return [list(group.values()) for group in found.values()][:wanted]


def _ranked(
    stage: Stage,
    filters: list[Query],
    index: OpenIndex,
    wanted: int,
    *,
    known: Iterable[int],
    key: Callable[[Ranked], int],
) -> list[Ranked]:
    """The best hits of a stage: as many as it takes to have the wanted number of keys, or all."""
    limit, before = wanted * _PAIRS_PER_HIT, set(known)
    while True:
        ranked, are_all = run(stage, filters, index, limit)
        if are_all or len(before.union(map(key, ranked))) >= wanted:
            return ranked
        limit *= _PAIRS_PER_HIT


def _portals(
    facility_ids: list[int], organization: Organization, usable: Usable, *, offered_only: bool
) -> dict[int, list[Portal]]:
    """The portals of these facilities from the database, which has the last word on who may see them. One query."""
    rows = Portal.objects.filter(facility_id__in=facility_ids).select_related("source", "facility__brand")
    found: dict[int, list[Portal]] = {}
    for portal in rows:
        portal.is_offered = usable.at(portal.source)
        is_shown = portal.is_offered or not offered_only
        if is_shown and portal.source.is_visible_to(organization) and portal.facility.retired_at is None:
            found.setdefault(portal.facility_id, []).append(portal)
    for portals in found.values():
        portals.sort(key=lambda portal: (not portal.is_offered, portal.source.name, portal.pk))
    return found


def _others(group: list[Ranked], portals: list[Portal], filters: list[Query], index: OpenIndex) -> int:
    if len({one.facility for one in group}) < 2:
        return 0
    all_of_it = queries.number("group", group[0].group)
    pairs = index.searcher.search(queries.all_of([all_of_it, *filters]), limit=1).count  # type: ignore[attr-defined]  # the stub lacks it
    return int(pairs) // len(portals) - 1


def _visible_to(organization: Organization, index: OpenIndex) -> Query:
    """As SourceQuerySet.visible_to says it."""
    return index.any_of("access", _accesses(organization))


def _accesses(organization: Organization) -> list[str]:
    return [access(organization.environment, owner) for owner in (None, organization.id)]
