"""Points as cells of grids: places that are near each other share a cell or have neighbouring ones.

A place is indexed with all the cells it is near to, so that a search looks for the one it asks from.
"""

from collections.abc import Iterable

from sources.geography import Cell, Point
from sources.searching.vocabulary import STATES

# In cells to a degree: about 11, 55 and 220 km wide.
GRIDS = {"10": 10.0, "2": 2.0, "0.5": 0.5}
_AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
UNKNOWN_CELL = "unknown"
# How a point is kept in whole numbers.
MICRO = 10_000
NOWHERE = 999 * MICRO


# The states by their small letters, each a bit of a number.
_BITS = {code: 1 << bit for bit, code in enumerate(sorted(STATES))}
ANYWHERE = (1 << len(_BITS)) - 1


def states_as_bits(codes: Iterable[str]) -> int:
    """Some of them, each by its two small letters, once."""
    return sum(_BITS[code] for code in codes)


def state_cell(code: str) -> str:
    """A state as a cell, by its two small letters."""
    return f"state:{code}"


def cells_of(point: Point) -> list[str]:
    """The grid cells a point lies in, finest first."""
    return [f"{name}:{y}:{x}" for name, (y, x) in _middles(point)]


def cells_around(point: Point) -> list[str]:
    """Of each grid the nine cells in whose middle one the point lies."""
    return [f"{name}:{y + dy}:{x + dx}" for name, (y, x) in _middles(point) for dy, dx in _AROUND]


def _middles(point: Point) -> list[tuple[str, Cell]]:
    return [(name, point.cell(per_degree)) for name, per_degree in GRIDS.items()]
