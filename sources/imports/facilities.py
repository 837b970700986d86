"""Writing the facilities of a listing: new ones, and what is said differently of known ones."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.db import connection
from psycopg import sql

from sources.imports.changes import PINNED, Changes, as_json, note
from sources.imports.copying import copy_rows, execute, make_temporary
from sources.imports.matching import Place
from sources.models import Directory

FIELDS = ["name", "aliases", "brand_id", "address_line", "city", "state", "postal_code", "country"]
FIELDS += ["places", "website", "phone", "npis"]
_STATE = ["described_by_id", "directory_values"]
_CHUNK = 2000
_DIFFERING = """
    SELECT i.id, f.described_by_id, f.directory_values, {theirs}, {ours}
    FROM incoming i
    JOIN sources_facility f ON f.id = i.id
    JOIN sources_directory d ON d.id = f.described_by_id
    WHERE (f.described_by_id = %(directory)s OR d.rank < %(rank)s OR f.retired_at IS NOT NULL)
      AND (f.described_by_id <> %(directory)s OR f.directory_values <> '{{}}' OR ({theirs}) IS DISTINCT FROM ({ours}))
"""


class Facilities:
    """The facilities of one listing on their way into the catalogue."""

    def __init__(self, directory: Directory, changes: Changes) -> None:
        self._directory, self._changes = directory, changes

    def store(self, places: list[Place]) -> None:
        """Add the new ones, and write what this directory says of those that it describes."""
        brands = _brand_ids(places)
        self._add([place for place in places if place.is_new], brands)
        _stage("incoming", FIELDS, (_values(place, brands) for place in places if not place.is_new))
        _stage("fresh", [*FIELDS, *_STATE], ())
        with connection.chunked_cursor() as cursor:
            cursor.execute(_with_fields(_DIFFERING), {"directory": self._directory.pk, "rank": self._directory.rank})
            rows = iter(cursor)
            while chunk := [row for row in map(self._merged, islice(rows, _CHUNK)) if row]:
                copy_rows("fresh", ["id", *FIELDS, *_STATE], chunk)
        self._update()

    def _add(self, places: list[Place], brands: dict[str, int]) -> None:
        constant = (self._directory.pk, "{}", 0)
        columns = ["id", *FIELDS, *_STATE, "times_chosen"]
        copy_rows("sources_facility", columns, ((*_values(place, brands), *constant) for place in places))
        self._changes.added_facilities((place.facility_id, place.listed.name) for place in places)
        twins = ((place.facility_id, place.listed.name) for place in places for _ in place.keys[1:])
        self._changes.merged_twins(twins)

    def _merged(self, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The row as it is to be; what staff edited stays, and what the directory says of it is noted beside."""
        facility_id, described_by, said_before, *values = row
        known = dict(zip(FIELDS, values[: len(FIELDS)], strict=True))
        said = dict(zip(FIELDS, values[len(FIELDS) :], strict=True))
        pinned = json.loads(said_before)
        differing = merge(known, said, pinned)
        if described_by != self._directory.pk:
            differing["described_by_id"] = (described_by, self._directory.pk)
        if differing:
            note(self._changes.facility(facility_id, name=known["name"]), differing)
        return (facility_id, *known.values(), self._directory.pk, as_json(pinned))

    def _update(self) -> None:
        pairs = sql.SQL(", ").join(
            sql.SQL("{0} = fresh.{0}").format(sql.Identifier(name)) for name in [*FIELDS, *_STATE]
        )
        statement = sql.SQL("UPDATE sources_facility f SET {} FROM fresh WHERE fresh.id = f.id").format(pairs)
        with connection.cursor() as cursor:
            cursor.execute(statement)


def merge(known: dict[str, Any], said: dict[str, Any], pinned: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Give `known` what a directory says of it, and `pinned` what it says of the fields that staff edited.

    Returns what that changed: for each field how it was and how it is.
    """
    differing: dict[str, tuple[Any, Any]] = {}
    for name, value in said.items():
        target, label = (pinned, f"{PINNED}{name}") if name in pinned else (known, name)
        if target[name] != value:
            differing[label] = (target[name], value)
            target[name] = value
    return differing


def _brand_ids(places: list[Place]) -> dict[str, int]:
    """The facilities that are brands of others, by identity."""
    named = {place.listed.brand for place in places if place.listed.brand}
    return {place.listed.identity: place.facility_id for place in places if place.listed.identity in named}


def _values(place: Place, brands: dict[str, int]) -> tuple[Any, ...]:
    listed, address = place.listed, place.listed.address
    brand_id = brands.get(listed.brand or "")
    return (
        place.facility_id,
        listed.name,
        list(listed.aliases),
        brand_id if brand_id != place.facility_id else None,
        address.line,
        address.city,
        address.state,
        address.postal_code,
        address.country,
        list(listed.places),
        listed.website,
        listed.phone,
        list(listed.npis),
    )


def _stage(table: str, fields: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """A table of this transaction only, with these columns of facilities."""
    columns = ", ".join(["id", *fields])
    make_temporary(table, f"SELECT {columns} FROM sources_facility LIMIT 0")  # noqa: S608
    copy_rows(table, ["id", *fields], rows)
    execute(f"ANALYZE {table}")


def _with_fields(statement: str) -> str:
    ours, theirs = (", ".join(f"{alias}.{name}" for name in FIELDS) for alias in "if")
    return statement.format(ours=ours, theirs=theirs)
