"""What a directory lists: the entries of its new edition in place of those of the last one."""

from collections.abc import Iterator
from typing import Any

from sources.imports.changes import ENTRY, Changes, note
from sources.imports.copying import copy_rows, execute, fetch, make_temporary
from sources.imports.matching import Place
from sources.models import Directory

_STAGE = """
    SELECT key, facility_id, source_ids::text[] AS source_ids, TRUE AS is_new FROM sources_directoryentry LIMIT 0
"""
_GONE = """
    DELETE FROM sources_directoryentry e
    WHERE e.directory_id = %(directory)s AND NOT EXISTS (SELECT 1 FROM listed_entry l WHERE l.key = e.key)
    RETURNING e.id, e.key, e.facility_id, e.source_ids::text[]
"""
_CHANGED = """
    UPDATE sources_directoryentry e SET facility_id = l.facility_id, source_ids = l.source_ids
    FROM listed_entry l, sources_directoryentry old
    WHERE e.directory_id = %(directory)s AND e.key = l.key AND old.id = e.id
      AND (e.facility_id <> l.facility_id OR e.source_ids::text[] <> l.source_ids)
    RETURNING e.id, e.key, old.facility_id, old.source_ids::text[], e.facility_id, e.source_ids::text[], l.is_new
"""
_NEW = """
    INSERT INTO sources_directoryentry (directory_id, facility_id, key, source_ids)
    SELECT %(directory)s, l.facility_id, l.key, l.source_ids FROM listed_entry l
    WHERE l.is_new = %(is_new)s
      AND NOT EXISTS (SELECT 1 FROM sources_directoryentry e WHERE e.directory_id = %(directory)s AND e.key = l.key)
"""
_RETURNING = " RETURNING id, key, facility_id, source_ids::text[]"
_TOUCHED = """
    SELECT DISTINCT facility_id AS id FROM listed_entry WHERE NOT is_new
    UNION SELECT unnest(%(left)s::bigint[])
"""


def store_entries(directory: Directory, places: list[Place], source_ids: dict[str, str], changes: Changes) -> None:
    """Write the entries of this edition.

    Leaves a table `touched` for the rest of the transaction: the known facilities that this edition or the last lists.
    """
    make_temporary("listed_entry", _STAGE)
    copy_rows("listed_entry", ["key", "facility_id", "source_ids", "is_new"], _rows(places, source_ids))
    execute("ANALYZE listed_entry")
    left = _remove(directory, changes) | _change(directory, changes)
    execute(_NEW, {"directory": directory.pk, "is_new": True})
    for pk, key, facility_id, at in fetch(_NEW + _RETURNING, {"directory": directory.pk, "is_new": False}):
        change = changes.facility(facility_id)
        note(change, {f"{ENTRY}{key}": (None, _told(pk, at))})
        change.is_merged = facility_id not in left
    make_temporary("touched", _TOUCHED, {"left": list(left)})
    execute("ANALYZE touched")


def _rows(places: list[Place], source_ids: dict[str, str]) -> Iterator[tuple[str, int, list[str], bool]]:
    for place in places:
        at = [source_ids[portal.base_url] for portal in place.listed.portals]
        for key in place.keys:
            yield key, place.facility_id, at, place.is_new


def _remove(directory: Directory, changes: Changes) -> set[int]:
    """Entries that are not listed any more. Returns the facilities that they were of."""
    gone = fetch(_GONE, {"directory": directory.pk})
    for pk, key, facility_id, at in gone:
        note(changes.facility(facility_id), {f"{ENTRY}{key}": (_told(pk, at), None)})
    return {facility_id for _, _, facility_id, _ in gone}


def _change(directory: Directory, changes: Changes) -> set[int]:
    """Entries at other sources, or of another facility. Returns the facilities that they are no longer of."""
    left = set()
    for pk, key, old, was_at, facility_id, at, is_new in fetch(_CHANGED, {"directory": directory.pk}):
        before, after = _told(pk, was_at), _told(pk, at)
        if old != facility_id:
            note(changes.facility(old), {f"{ENTRY}{key}": (before, None)})
            left.add(old)
        if not is_new:
            note(changes.facility(facility_id), {f"{ENTRY}{key}": (before if old == facility_id else None, after)})
    return left


def _told(pk: int, source_ids: list[str]) -> dict[str, Any]:
    """An entry as changes keep it: with its id, so that taking the change back restores the very row."""
    return {"id": pk, "source_ids": source_ids}
