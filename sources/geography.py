"""Where places are, by bundled data of United States postal codes: no request leaves the machine for it."""

import math
import re
import string
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import zipcodes

from sources.reading.states import OUTLYING, STATE_CODES

EARTH_RADIUS_KM = 6371.0
Cell = tuple[int, int]
# States are near in cells of half a degree, 55 km from south to north.
_PER_DEGREE = 2.0
_CELLS_AROUND = range(-3, 4)
# How towns are called that directories and the postal service call otherwise.
_NICKNAMES = {
    "nyc": ("New York", "NY"),
    "new york city": ("New York", "NY"),
    "manhattan": ("New York", "NY"),
    "queens": ("Jamaica", "NY"),
    "philly": ("Philadelphia", "PA"),
    "vegas": ("Las Vegas", "NV"),
}
_ZIP = re.compile(r"(\d{5})(?:-?\d{4})?")
_PAIR = re.compile(r"(-?\d{1,2}(?:\.\d{1,10})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,10})?)")


@dataclass(frozen=True, slots=True)
class Point:
    """A position on the earth, in degrees."""

    latitude: float
    longitude: float

    def km_to(self, other: "Point") -> float:
        """The distance along a great circle."""
        here, there = math.radians(self.latitude), math.radians(other.latitude)
        across = math.radians(other.longitude - self.longitude)
        chord = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
        return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))

    def cell(self, per_degree: float) -> Cell:
        """Where it lies in a grid with so many cells to a degree, counted from south and from west."""
        return int(self.latitude * per_degree // 1), int(self.longitude * per_degree // 1)


def point_of(text: str) -> Point | None:
    """The place of a postal code ("94110", "94110-1234") or of a pair "latitude,longitude"; None if there is none."""
    text = text.strip()
    if (pair := _PAIR.fullmatch(text)) is None:
        return postal_code_point(text)
    point = Point(float(pair[1]), float(pair[2]))
    return point if abs(point.latitude) <= 90 and abs(point.longitude) <= 180 else None


def postal_code_of(text: str) -> str:
    """The five digits of a ZIP code or ZIP+4; "" for anything else."""
    found = _ZIP.fullmatch(text.strip())
    return found[1] if found and found[1].isascii() else ""


def postal_code_point(text: str) -> Point | None:
    """`Gazetteer.postal_code` of this process's one."""
    return gazetteer().postal_code(text)


class Gazetteer:
    """All postal codes of the United States, some 42,000, and the towns that have one in a state."""

    def __init__(self) -> None:
        self._postal_codes: dict[str, Point] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._states: dict[Cell, set[str]] = defaultdict(set)
        self._states_near: dict[Cell, frozenset[str]] = {}
        points: dict[tuple[str, str], list[Point]] = defaultdict(list)
        states = STATE_CODES - OUTLYING
        for row in _rows():
            if (point := _point(row)) is not None:
                self._postal_codes[row["zip_code"]] = point
                if (state := row["state"]) in states:
                    self._names[row["zip_code"]] = row["city"], state
                    self._states[point.cell(_PER_DEGREE)].add(state.lower())
                    for town in (row["city"], *row["acceptable_cities"]):
                        points[_folded(town), state].append(point)
        for name, (town, state) in _NICKNAMES.items():
            points[_folded(name), state] = points[_folded(town), state]
        self._towns = {town: _middle(found) for town, found in points.items()}
        self._best: dict[str, str] = {}
        for name, state in sorted(points, key=lambda town: (len(points[town]), town)):
            self._best[name] = state

    def postal_code(self, text: str) -> Point | None:
        """The place of a ZIP code or ZIP+4; None for anything else."""
        return self._postal_codes.get(postal_code_of(text))

    def town_of(self, postal_code: str) -> tuple[str, str] | None:
        """The town of a ZIP code or ZIP+4 and the two letters of its state; None for anything else."""
        return self._names.get(postal_code_of(postal_code))

    def states_near(self, point: Point) -> frozenset[str]:
        """The states that have a town within some 150 km, by their two small letters."""
        y, x = cell = point.cell(_PER_DEGREE)
        if cell not in self._states_near:
            around = [(y + dy, x + dx) for dy in _CELLS_AROUND for dx in _CELLS_AROUND]
            self._states_near[cell] = frozenset(state for one in around for state in self._states.get(one, ()))
        return self._states_near[cell]

    def point(self, *, postal_code: str, city: str, state: str) -> Point | None:
        """Where a place is: by its postal code, else by its town and the two letters of its state."""
        exact = self.postal_code(postal_code)
        return exact or self._towns.get((_folded(city), state.upper()))

    def best_known(self, name: str) -> tuple[str, Point] | None:
        """The state's two letters and the place of the town of this name with the most postal codes."""
        state = self._best.get(_folded(name))
        return (state, self._towns[_folded(name), state]) if state else None


@cache
def gazetteer() -> Gazetteer:
    """The one of this process: a second when it is first asked for, and some 20 MB."""
    return Gazetteer()


def _folded(name: str) -> str:
    """Coeur d'Alene is also written Coeur D Alene, and O'Fallon O Fallon."""
    return "".join(re.findall("[a-z]+", name.lower()))


def _point(row: dict[str, Any]) -> Point | None:
    try:
        point = Point(float(row["lat"]), float(row["long"]))
    except (TypeError, ValueError):
        return None
    return point if point.latitude or point.longitude else None


def _middle(points: list[Point]) -> Point:
    """The point of the list that is nearest to its average: never in the middle of nowhere."""
    latitude = sum(one.latitude for one in points) / len(points)
    longitude = sum(one.longitude for one in points) / len(points)
    return min(points, key=Point(latitude, longitude).km_to)


def _rows() -> Iterator[dict[str, Any]]:
    """All of them, a tenth at a time: the whole would take 100 MB.

    (Looking one up in the package's list takes it as long as a thousand look-ups in a dict.)
    """
    for digit in string.digits:
        yield from zipcodes.similar_to(digit)  # type: ignore[no-untyped-call]
