"""Points as cells of grids: places that are near each other share a cell or have neighbouring ones.

A place is indexed with all the cells it is near to, so that a search looks for the one it asks from.
"""

from sources.geography import Point

# In cells to a degree: about 11, 55 and 220 km wide.
GRIDS = (10.0, 2.0, 0.5)
UNKNOWN_CELL = "unknown"
# How a point is kept in whole numbers.
MICRO = 10_000
NOWHERE = 999 * MICRO


def cells_of(point: Point) -> list[str]:
    """The grid cells a point lies in, finest first."""
    return [_cell(grid, point.latitude * grid, point.longitude * grid) for grid in GRIDS]


def cells_around(point: Point) -> list[str]:
    """Of each grid the nine cells in whose middle one the point lies."""
    around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return [_cell(grid, point.latitude * grid + dy, point.longitude * grid + dx) for grid in GRIDS for dy, dx in around]


def _cell(grid: float, y: float, x: float) -> str:
    return f"{grid:g}:{int(y // 1)}:{int(x // 1)}"
