"""Reading the rows of hits: one statement that is written once, with the columns that cards and answers show.

A brand is read only where whoever sees the place may see it as well.

A search happens at every keystroke. The same through a queryset takes twice the time, most of it for composing
the statement anew and for columns that nobody reads. The lateral join keeps the planner from reading all sources
for the sake of a dozen.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db import connection, models

from sources.models import Facility, Portal, Source

_PORTAL = ("id", "facility_id", "source_id", "name", "description", "url", "logo_url")
_FACILITY = (
    *("id", "name", "aliases", "brand_id", "address_line", "city", "state", "postal_code", "country", "places"),
    *("website", "phone", "npis", "made_for_id", "described_by_id", "retired_at"),
)
_SOURCE = (
    *("id", "name", "type", "fhir_base_url", "portal_url", "logo_url", "environment", "organization_id"),
    *("described_by_id", "retired_at"),
)
_BRAND = ("id", "name")


Row = TypeVar("Row", bound=models.Model)


def _columns(model: type[models.Model], alias: str, names: tuple[str, ...]) -> list[str]:
    return [f"{alias}.{connection.ops.quote_name(field.column)}" for field in _fields(model, names)]


def _fields(model: type[models.Model], names: tuple[str, ...]) -> list[Any]:
    return [next(field for field in model._meta.concrete_fields if field.attname == name) for name in names]


_STATEMENT = f"""
    SELECT {
    ", ".join(
        [
            *_columns(Portal, "portal", _PORTAL),
            *_columns(Facility, "facility", _FACILITY),
            *_columns(Source, "source", _SOURCE),
            *_columns(Facility, "brand", _BRAND),
        ]
    )
}
    FROM {Portal._meta.db_table} portal
    JOIN {Facility._meta.db_table} facility ON facility.id = portal.facility_id
    CROSS JOIN LATERAL (SELECT * FROM {Source._meta.db_table} WHERE id = portal.source_id LIMIT 1) source
    LEFT JOIN {Facility._meta.db_table} brand
      ON brand.id = facility.brand_id AND brand.retired_at IS NULL AND EXISTS (
        SELECT FROM {Portal._meta.db_table} JOIN {Source._meta.db_table} theirs ON theirs.id = source_id
        WHERE facility_id = brand.id AND theirs.retired_at IS NULL AND theirs.environment = source.environment
          AND (theirs.organization_id IS NULL OR theirs.organization_id = source.organization_id))
"""  # noqa: S608  nothing in it comes from outside


def portals_of(facility_ids: list[int]) -> Iterator[Portal]:
    """The portals of these facilities, with facility, brand and source. One query."""
    return _read("WHERE portal.facility_id = ANY(%s)", facility_ids)


def portals(ids: list[int]) -> Iterator[Portal]:
    """These portals, with facility, brand and source. One query."""
    return _read("WHERE portal.id = ANY(%s)", ids)


def _read(condition: str, ids: list[int]) -> Iterator[Portal]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_STATEMENT} {condition}", [ids])
        rows = cursor.fetchall()
    for row in rows:
        values = iter(row)
        portal = _made(Portal, _PORTAL, values)
        portal.facility = _made(Facility, _FACILITY, values)
        portal.source = _made(Source, _SOURCE, values)
        brand = _made(Facility, _BRAND, values)
        portal.facility.brand = brand if brand.pk is not None else None
        yield portal


def _made(model: type[Row], names: tuple[str, ...], values: Iterator[Any]) -> Row:
    return model.from_db(connection.alias, names, [next(values) for _ in names])
