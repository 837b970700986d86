"""Finding a facility by what a patient types: its name, another name, its place, its web address.

One search for the picker and for `GET /connections`. `searching/` has its parts: `words` and `links` fold text,
`asked` reads a query, `stages` widens it, `queries` asks the index, `ranking` orders, `reasons` explains.
"""

from dataclasses import dataclass

from tantivy import Query

from organizations.models import Organization
from sources.geography import Point
from sources.models import Facility, Portal, Source
from sources.searching import asked, queries, rows
from sources.searching.index import OpenIndex, current
from sources.searching.links import address_of
from sources.searching.ranking import Ranked
from sources.searching.reasons import why
from sources.searching.visibility import Usable, visible_to
from sources.searching.widening import widened

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
    filters = usable.conditions(organization, index) if offered_only else visible_to(organization, index)
    groups = widened(question, near, filters, index, wanted=limit + 1, key=lambda one: one.group)
    portals = _portals([group[0].facility for group in groups[:limit]], organization, usable, offered_only=offered_only)
    hits = []
    for group in groups[:limit]:
        # What the index still has and the database no longer allows is left out.
        if found := portals.get(group[0].facility):
            others = _others(group, found[0], filters, index)
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
    filters = [*visible_to(organization, index), *([queries.term("vendor", vendor)] if vendor is not None else [])]
    count = after.count if after else 0
    wanted = count + limit + 1 + (_SLACK if after else 0)
    groups = widened(question, near, filters, index, wanted=wanted, key=lambda one: one.source_number)
    ranked = [group[0] for group in groups]
    start = next((place for place, one in enumerate(ranked, 1) if after and one.pair == after.pair), count)
    page, has_more = ranked[start : start + limit], len(ranked) > start + limit
    found = {portal.pk: portal for portal in rows.portals([one.pair for one in page])}
    is_near = near is not None or question.near is not None
    hits = [
        SourceHit(found[one.pair].source, found[one.pair].facility, one.distance_km if is_near else None)
        for one in page
        if one.pair in found and _is_shown(found[one.pair], organization)
    ]
    return hits, Position(page[-1].pair, start + limit) if has_more else None


def _portals(
    facility_ids: list[int], organization: Organization, usable: Usable, *, offered_only: bool
) -> dict[int, list[Portal]]:
    """The portals of these facilities from the database, which has the last word on who may see them. One query."""
    found: dict[int, list[Portal]] = {}
    for portal in rows.portals_of(facility_ids):
        portal.is_offered = usable.at(portal.source)
        is_wanted = portal.is_offered or not offered_only
        if is_wanted and _is_shown(portal, organization):
            found.setdefault(portal.facility_id, []).append(portal)
    for portals in found.values():
        portals.sort(key=lambda portal: (not portal.is_offered, portal.source.name, portal.pk))
    return found


def _is_shown(portal: Portal, organization: Organization) -> bool:
    return portal.source.is_visible_to(organization) and portal.facility.retired_at is None


def _others(group: list[Ranked], portal: Portal, filters: list[Query], index: OpenIndex) -> int:
    """How many more places of this name the portal has. What the group has at other hosts are the same places again."""
    if len({one.facility for one in group}) < 2:
        return 0
    of_group = queries.term("group", group[0].group)
    of_portal = queries.term("url", address_of(portal.source.fhir_base_url))
    found = index.searcher.search(queries.all_of([of_group, of_portal, *filters]), limit=1)
    return int(found.count) - 1  # type: ignore[attr-defined]  # the stub lacks it
