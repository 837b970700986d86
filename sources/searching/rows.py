"""Reading the rows of hits, with the columns that cards and answers show.

A brand is read only where whoever sees the place may see it as well. The lateral join keeps the planner from
reading all sources for the sake of a dozen.
"""

from collections.abc import Iterator

from common.statements import Statement, among, listed, relate
from sources.models import Facility, Portal, Source

_READ = """
    SELECT {columns}
    FROM {portal}
    JOIN {facility} ON facility.id = portal.facility_id
    CROSS JOIN LATERAL (SELECT * FROM sources_source WHERE id = portal.source_id LIMIT 1) source
    LEFT JOIN {brand}
      ON brand.id = facility.brand_id AND brand.retired_at IS NULL AND EXISTS (
        SELECT FROM sources_facility_sources JOIN sources_source theirs ON theirs.id = source_id
        WHERE facility_id = brand.id AND theirs.retired_at IS NULL AND theirs.environment = source.environment
          AND (theirs.organization_id IS NULL OR theirs.organization_id = source.organization_id))
"""
_FACILITY = (
    *("id", "name", "aliases", "brand_id", "address_line", "city", "state", "postal_code", "country", "places"),
    *("website", "phone", "npis", "retired_at"),
)
_SOURCE = (
    *("id", "name", "type", "fhir_base_url", "portal_url", "logo_url", "environment", "organization_id"),
    "retired_at",
)


def _statement(condition: str) -> Statement:
    return Statement(
        f"{_READ} WHERE {condition}",
        portal=(Portal, ("id", "facility_id", "source_id", "name", "description", "url", "logo_url")),
        facility=(Facility, _FACILITY),
        source=(Source, _SOURCE),
        brand=(Facility, ("id", "name")),
    )


_OF_FACILITIES = _statement(f"portal.facility_id = {among('bigint')}")
_BY_ID = _statement(f"portal.id = {among('bigint')}")


def portals_of(facility_ids: list[int]) -> Iterator[Portal]:
    """The portals of these facilities, with facility, brand and source. One query."""
    return _read(_OF_FACILITIES, facility_ids)


def portals(ids: list[int]) -> Iterator[Portal]:
    """These portals, with facility, brand and source. One query."""
    return _read(_BY_ID, ids)


def _read(statement: Statement, ids: list[int]) -> Iterator[Portal]:
    for portal, facility, source, brand in statement.rows(listed(ids)):
        relate(portal, facility=facility, source=source)
        relate(facility, brand=brand)
        yield portal
