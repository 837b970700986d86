"""What no directory lists any more is retired: kept, but not shown to patients. What comes back is shown again."""

from dataclasses import dataclass
from datetime import datetime

from sources.imports.changes import Changes, note
from sources.imports.copying import fetch
from sources.models import Directory

_RETIRE = """
    UPDATE sources_facility f SET retired_at = %(now)s FROM touched t
    WHERE f.id = t.id AND f.described_by_id IS NOT NULL AND f.retired_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM sources_directoryentry e WHERE e.facility_id = f.id)
    RETURNING f.id, f.name
"""
_RETURN = """
    UPDATE sources_facility f SET retired_at = NULL FROM touched t, sources_facility old
    WHERE f.id = t.id AND old.id = f.id AND f.retired_at IS NOT NULL
      AND EXISTS (SELECT 1 FROM sources_directoryentry e WHERE e.facility_id = f.id)
    RETURNING f.id, f.name, old.retired_at
"""
# Whoever is said to describe a row has to list it. Taking an import back may name one that has dropped it meanwhile.
_HAND_OVER = """
    UPDATE sources_facility f SET described_by_id = (
        SELECT e.directory_id FROM sources_directoryentry e JOIN sources_directory d ON d.id = e.directory_id
        WHERE e.facility_id = f.id ORDER BY d.rank DESC, e.id LIMIT 1)
    FROM touched t, sources_facility old
    WHERE f.id = t.id AND old.id = f.id AND f.described_by_id IS NOT NULL AND f.retired_at IS NULL
      AND NOT EXISTS (
        SELECT 1 FROM sources_directoryentry e WHERE e.facility_id = f.id AND e.directory_id = f.described_by_id)
    RETURNING f.id, f.name, old.described_by_id, f.described_by_id
"""
_HAND_OVER_SOURCES = """
    WITH listing AS (
        SELECT DISTINCT ON (s.id) s.id, s.described_by_id, listed.directory_id
        FROM (SELECT DISTINCT unnest(source_ids) AS id, directory_id FROM sources_directoryentry) AS listed
        JOIN sources_source s ON s.id = listed.id
        JOIN sources_directory d ON d.id = listed.directory_id
        ORDER BY s.id, (listed.directory_id = s.described_by_id) DESC, d.rank DESC, d.id)
    UPDATE sources_source s SET described_by_id = listing.directory_id FROM listing
    WHERE s.id = listing.id AND listing.directory_id <> listing.described_by_id
    RETURNING s.id, s.name, listing.described_by_id, s.described_by_id
"""
# IN, not EXISTS: hashed whatever PostgreSQL believes about the size of tables that have just been filled.
_WITH_PLACE = """
    SELECT p.source_id FROM sources_facility_sources p JOIN sources_facility f ON f.id = p.facility_id
    WHERE f.retired_at IS NULL
"""
_RETIRE_SOURCES = f"""
    UPDATE sources_source s SET retired_at = %(now)s
    WHERE s.described_by_id IS NOT NULL AND s.organization_id IS NULL AND s.retired_at IS NULL
      AND s.id NOT IN ({_WITH_PLACE})
    RETURNING s.id, s.name
"""  # noqa: S608  built from constants
_RETURN_SOURCES = f"""
    UPDATE sources_source s SET retired_at = NULL FROM sources_source old
    WHERE s.id = old.id AND s.retired_at IS NOT NULL AND s.id IN ({_WITH_PLACE})
    RETURNING s.id, s.name, old.retired_at
"""  # noqa: S608  built from constants


@dataclass(frozen=True)
class Extent:
    """How much a directory lists: facilities and sources."""

    facilities: int
    sources: int


def extent_of(directory: Directory) -> Extent:
    query = """
        SELECT (SELECT count(DISTINCT facility_id) FROM sources_directoryentry WHERE directory_id = %(directory)s),
          (SELECT count(DISTINCT id) FROM (
            SELECT unnest(source_ids) AS id FROM sources_directoryentry WHERE directory_id = %(directory)s) AS listed)
    """
    [(facilities, sources)] = fetch(query, {"directory": directory.pk})
    return Extent(facilities, sources)


def retire_and_return(changes: Changes, now: datetime) -> Extent:
    """Retire what nobody lists any more, and return what is listed again. Says how much was retired.

    What only other directories go on listing is described by one of them from now on. Its next edition is asked
    for in full, since what it says was not kept.
    """
    parameters = {"now": now}
    retired = fetch(_RETIRE, parameters)
    for facility_id, name in retired:
        note(changes.facility(facility_id, name=name), {"retired_at": (None, now)})
    for facility_id, name, before in fetch(_RETURN, parameters):
        note(changes.facility(facility_id, name=name), {"retired_at": (before, None)})
    heirs = _hand_over(changes)
    retired_sources = fetch(_RETIRE_SOURCES, parameters)
    for source_id, name in retired_sources:
        note(changes.source(source_id, name=name), {"retired_at": (None, now)})
    for source_id, name, before in fetch(_RETURN_SOURCES, parameters):
        note(changes.source(source_id, name=name), {"retired_at": (before, None)})
    Directory.objects.filter(pk__in=heirs).update(etag="", last_modified="", sha256="")
    return Extent(len(retired), len(retired_sources))


def _hand_over(changes: Changes) -> set[int]:
    heirs: set[int] = set()
    for facility_id, name, before, heir in fetch(_HAND_OVER):
        note(changes.facility(facility_id, name=name), {"described_by_id": (before, heir)})
        heirs.add(heir)
    for source_id, name, before, heir in fetch(_HAND_OVER_SOURCES):
        note(changes.source(source_id, name=name), {"described_by_id": (before, heir)})
        heirs.add(heir)
    return heirs
