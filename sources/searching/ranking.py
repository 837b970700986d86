"""Hits in their order: the best stage, then the index's steps, then nearer, then the index's own order."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tantivy import DocAddress, Occur, Query

from sources.geography import Point, gazetteer
from sources.searching.grid import MICRO, NOWHERE, states_as_bits
from sources.searching.index import OpenIndex
from sources.searching.queries import ALSO_BEGINS, IN_STATE, NEARBY, NEARLY_EXACT, near
from sources.searching.stages import Stage

NEAR_KM = 160.0
# Of the hits around a place, so many at a time are put in order by their distance.
_NEAR_CANDIDATES = 120
_EXACT_STEP = int(NEARLY_EXACT // ALSO_BEGINS)
_FIELDS = ("pair", "facility", "source_number", "group")
_PLACE_FIELDS = ("position", "latitude", "longitude", "states")


class Ranked(NamedTuple):
    """A facility at one portal."""

    pair: int
    facility: int
    source_number: int
    group: int
    distance_km: float | None = None


def run(stage: Stage, filters: Iterable[Query], index: OpenIndex, limit: int) -> tuple[list[Ranked], bool]:
    """The best `limit` hits of a stage in their order, and whether these are all there are."""
    clauses = [*stage.clauses, *((Occur.Must, Query.const_score_query(one, 0.0)) for one in filters)]
    if stage.near is not None:
        clauses += near(stage.near)
        # In whole blocks, so that a page further on sees the same order as the ones before it.
        limit = -(-limit // _NEAR_CANDIDATES) * _NEAR_CANDIDATES
    hits = index.searcher.search(Query.boolean_query(clauses), limit=limit, count=False).hits
    addresses = [address for _, address in hits]
    rows = _read(_FIELDS, addresses, index)
    if stage.near is None:
        return [Ranked(*row) for row in rows], len(hits) < limit
    scores = [score for score, _ in hits]
    return _by_distance(rows, scores, _read(_PLACE_FIELDS, addresses, index), stage.near), len(hits) < limit


def _read(names: tuple[str, ...], addresses: list[DocAddress], index: OpenIndex) -> Iterable[tuple[Any, ...]]:
    return zip(*(index.searcher.fast_field_values(name, addresses) for name in names), strict=True)


def _by_distance(
    rows: Iterable[tuple[int, int, int, int]],
    scores: list[float],
    places: Iterable[tuple[int, int, int, int]],
    point: Point,
) -> list[Ranked]:
    """Block by block in the index's order; in each zone by zone, the better step first, then the nearer place."""
    found, around = [], states_as_bits(gazetteer().states_near(point))
    for number, (row, score, place) in enumerate(zip(rows, scores, places, strict=True)):
        position, latitude, longitude, states = place
        distance = None if latitude == NOWHERE else point.km_to(Point(latitude / MICRO, longitude / MICRO))
        step = int(score % NEARBY // ALSO_BEGINS)
        block = number // _NEAR_CANDIDATES
        may_be_near = bool(states & around) or step >= _EXACT_STEP
        zone = _zone(distance, is_in_state=score >= IN_STATE, may_be_near=may_be_near)
        found.append((block, zone, -step, distance or 0.0, position, number, row, distance))
    found.sort()
    return [Ranked(*row, distance) for *_, row, distance in found]


def _zone(distance: float | None, *, is_in_state: bool, may_be_near: bool) -> int:
    """Near; in the state that was named; perhaps near; far away."""
    if distance is not None:
        return 0 if distance <= NEAR_KM else 3
    if is_in_state:
        return 1
    return 2 if may_be_near else 3
