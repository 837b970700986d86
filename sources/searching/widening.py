"""Running the stages of a query until enough is found."""

from collections.abc import Callable, Iterable

from tantivy import Query

from sources.geography import Point
from sources.searching.asked import Asked
from sources.searching.index import OpenIndex
from sources.searching.ranking import Ranked, run
from sources.searching.stages import ENOUGH, Stage, stages

# Pairs read for each hit wanted, to begin with: one portal may have thousands of facilities of one name.
_PAIRS_PER_HIT = 8


def widened(
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
