"""The ways from facilities to sources: those that any directory lists, in the words of the one that describes them."""

import json
from collections.abc import Iterator
from typing import Any

from sources.imports.changes import PINNED, PORTAL, Change, Changes, as_json, note
from sources.imports.copying import analyze, copy_rows, execute, fetch, make_temporary
from sources.imports.matching import Place
from sources.models import Directory

DETAILS = ["name", "description", "url", "logo_url"]
PIN = "portals"
# So many new rows that PostgreSQL would plan badly if it went on believing that they are not there.
MANY = 500
_COLUMNS = ["facility_id", "source_id", *DETAILS]
_STAGE = """
    SELECT facility_id, source_id, name, description, url, logo_url FROM sources_facility_sources LIMIT 0
"""
# Facilities whose portals imports may change: neither made by staff nor with portals that staff chose.
_OPEN = "f.described_by_id IS NOT NULL AND NOT f.directory_values ? 'portals'"
_GONE = f"""
    DELETE FROM sources_facility_sources p USING sources_facility f, touched t
    WHERE f.id = p.facility_id AND t.id = f.id AND {_OPEN}
      AND EXISTS (SELECT 1 FROM sources_directoryentry e WHERE e.facility_id = f.id)
      AND NOT EXISTS (
        SELECT 1 FROM sources_directoryentry e WHERE e.facility_id = f.id AND p.source_id = ANY(e.source_ids))
    RETURNING f.id, p.source_id, p.id, p.name, p.description, p.url, p.logo_url
"""  # noqa: S608  built from constants
_NEW = f"""
    INSERT INTO sources_facility_sources (facility_id, source_id, name, description, url, logo_url)
    SELECT l.* FROM listed_portal l JOIN sources_facility f ON f.id = l.facility_id
    WHERE {_OPEN} AND NOT EXISTS (
        SELECT 1 FROM sources_facility_sources p WHERE p.facility_id = l.facility_id AND p.source_id = l.source_id)
    RETURNING facility_id, source_id, id, name, description, url, logo_url
"""  # noqa: S608  built from constants
# Where several directories list a portal, the words are those of the facility's own, else of the first.
_CHANGED = f"""
    UPDATE sources_facility_sources p
    SET name = l.name, description = l.description, url = l.url, logo_url = l.logo_url
    FROM listed_portal l, sources_facility f, sources_facility_sources old
    WHERE p.facility_id = l.facility_id AND p.source_id = l.source_id AND old.id = p.id AND f.id = p.facility_id
      AND {_OPEN}
      AND (p.name, p.description, p.url, p.logo_url) IS DISTINCT FROM (l.name, l.description, l.url, l.logo_url)
      AND (f.described_by_id = %(directory)s OR NOT EXISTS (
        SELECT 1 FROM sources_directoryentry e
        WHERE e.facility_id = f.id AND e.directory_id <> %(directory)s AND p.source_id = ANY(e.source_ids)
          AND (e.directory_id = f.described_by_id OR e.directory_id < %(directory)s)))
    RETURNING f.id, p.source_id, p.id, old.name, old.description, old.url, old.logo_url,
      p.name, p.description, p.url, p.logo_url
"""  # noqa: S608  built from constants
_MISSING = f"""
    INSERT INTO sources_facility_sources (facility_id, source_id, name, description)
    SELECT DISTINCT f.id, s.id, '', '' FROM touched t JOIN sources_facility f ON f.id = t.id
    JOIN sources_directoryentry e ON e.facility_id = f.id JOIN sources_source s ON s.id = ANY(e.source_ids)
    WHERE {_OPEN} AND NOT EXISTS (
        SELECT 1 FROM sources_facility_sources p WHERE p.facility_id = f.id AND p.source_id = s.id)
"""  # noqa: S608  built from constants
_PINNED = """
    SELECT f.id, f.name, f.directory_values FROM touched t JOIN sources_facility f ON f.id = t.id
    WHERE f.directory_values ? 'portals' AND f.described_by_id = %(directory)s
"""


def store_portals(directory: Directory, places: list[Place], source_ids: dict[str, str], changes: Changes) -> None:
    """Add, change and remove the portals of the facilities of this edition. Entries have to be written before."""
    copy_rows("sources_facility_sources", _COLUMNS, _rows((place for place in places if place.is_new), source_ids))
    if sum(place.is_new for place in places) > MANY:
        analyze()
    make_temporary("listed_portal", _STAGE)
    copy_rows("listed_portal", _COLUMNS, _rows((place for place in places if not place.is_new), source_ids))
    execute("ANALYZE listed_portal")
    remove_unlisted(changes)
    for facility_id, source_id, *after in fetch(_NEW):
        note(changes.facility(facility_id), {f"{PORTAL}{source_id}": (None, _told(after))})
    for facility_id, source_id, pk, *told in fetch(_CHANGED, {"directory": directory.pk}):
        was, told_now = _told([pk, *told[:4]]), _told([pk, *told[4:]])
        note(changes.facility(facility_id), {f"{PORTAL}{source_id}": (was, told_now)})
    _note_beside_pins(directory, changes)


def remove_unlisted(changes: Changes) -> None:
    """Remove portals that no directory lists any more, of the touched facilities that are listed at all."""
    for facility_id, source_id, *before in fetch(_GONE):
        note(changes.facility(facility_id), {f"{PORTAL}{source_id}": (_told(before), None)})


def add_listed() -> None:
    """Add portals that an entry of the touched facilities lists and that are not there; their sources name them."""
    execute(_MISSING)


def _rows(places: Iterator[Place], source_ids: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    for place in places:
        for portal in place.listed.portals:
            told = (portal.name, portal.description, portal.url, portal.logo_url)
            yield place.facility_id, source_ids[portal.base_url], *told


def _told(values: list[Any]) -> dict[str, Any]:
    """A portal as changes keep it: with its id, so that taking the change back restores the very row."""
    return dict(zip(["id", *DETAILS], values, strict=True))


def _note_beside_pins(directory: Directory, changes: Changes) -> None:
    """Where staff chose the portals, keep what the directory says of them beside."""
    for facility_id, name, values in fetch(_PINNED, {"directory": directory.pk}):
        pinned = json.loads(values)
        said = {
            source_id: dict(zip(DETAILS, told, strict=True))
            for source_id, *told in fetch(
                "SELECT source_id, name, description, url, logo_url FROM listed_portal WHERE facility_id = %(id)s",
                {"id": facility_id},
            )
        }
        if said and pinned[PIN] != said:
            change: Change = changes.facility(facility_id, name=name)
            note(change, {f"{PINNED}{PIN}": (pinned[PIN], said)})
            execute(
                "UPDATE sources_facility SET directory_values = %(values)s WHERE id = %(id)s",
                {"id": facility_id, "values": as_json(pinned | {PIN: said})},
            )
