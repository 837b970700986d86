"""Rows that an import added and that is taken back: deleted where nobody uses them, else retired."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import ForeignKey, ManyToOneRel

from sources.imports.copying import execute, fetch, make_temporary
from sources.models import DirectoryImport, Facility, Source

# What belongs to the row itself, or may lose it without harm.
_OWN = {"portals", "entries", "facilities"}
_ADDED = """
    SELECT row.id, row.name, row.directory_values <> '{{}}' OR EXISTS (
        SELECT 1 FROM sources_importchange later
        JOIN sources_directoryimport i ON i.id = later.directory_import_id
        WHERE later.{column} = row.id AND later.id > %(last)s AND i.status = 'applied' AND {of_same}
      ) AS is_changed
    FROM sources_importchange c JOIN {table} row ON row.id = c.{column}
    WHERE c.directory_import_id = %(run)s AND c.kind = 'added'
"""
# Staff gave a place another brand: the one that the directory says is kept beside, to be given back.
_FORGET_BRAND = """
    UPDATE sources_facility f SET directory_values = f.directory_values || '{"brand_id": null}' FROM undone u
    WHERE f.directory_values -> 'brand_id' = to_jsonb(u.id)
"""
_STILL_LISTED = """
    DELETE FROM undone_source u
    WHERE is_changed OR u.id IN (SELECT source_id FROM sources_facility_sources)
      OR u.id IN (SELECT unnest(source_ids) FROM sources_directoryentry)
    RETURNING name
"""
_NOT_MENTIONED = "NOT EXISTS (SELECT 1 FROM {table} r WHERE r.{column} = u.id)"


def withdraw_added_facilities(run: DirectoryImport, last: int) -> list[str]:
    """The places that only this import brought are listed no more: their keys are free for what had them before.

    Leaves a table `undone` of them for `remove_withdrawn_facilities`. Returns, in words, those that stay with their
    entries, because staff edited them or a later edition changed them.
    """
    parameters = {"run": run.pk, "last": last, "directory": run.directory_id}
    same = "i.directory_id = %(directory)s"
    shape = {"undone": "undone", "column": "facility_id", "table": "sources_facility", "of_same": same}
    make_temporary(shape["undone"], _ADDED.format(**shape), parameters)
    stays = [f"{name} (changed since)" for (name,) in fetch("DELETE FROM undone WHERE is_changed RETURNING name")]
    execute(
        "DELETE FROM sources_directoryentry e USING undone u "
        "WHERE u.id = e.facility_id AND e.directory_id = %(directory)s",
        parameters,
    )
    return stays


def remove_withdrawn_facilities(now: datetime) -> list[str]:
    """They go. Returns, in words, those that stay: as another directory's that lists them, too, or retired."""
    listed = "EXISTS (SELECT 1 FROM sources_directoryentry e WHERE e.facility_id = u.id)"
    found = fetch(f"DELETE FROM undone u WHERE {listed} RETURNING name")  # noqa: S608  built from constants
    stays = [f"{name} (listed elsewhere, too)" for (name,) in found]
    stays += _retire_used(Facility, "undone", "sources_facility", now)
    execute("UPDATE sources_facility f SET brand_id = NULL FROM undone u WHERE f.brand_id = u.id")
    execute(_FORGET_BRAND)
    execute("DELETE FROM sources_facility_sources p USING undone u WHERE p.facility_id = u.id")
    execute("DELETE FROM sources_facility f USING undone u WHERE f.id = u.id")
    return stays


def remove_added_sources(run: DirectoryImport, last: int, now: datetime) -> list[str]:
    """The sources that only this import brought go, after their places. Returns, in words, those that stay."""
    shape = {"undone": "undone_source", "column": "source_id", "table": "sources_source", "of_same": "TRUE"}
    make_temporary(shape["undone"], _ADDED.format(**shape), {"run": run.pk, "last": last})
    stays = [f"{name} (used by other places)" for (name,) in fetch(_STILL_LISTED)]
    stays += _retire_used(Source, "undone_source", "sources_source", now)
    execute("DELETE FROM sources_source s USING undone_source u WHERE s.id = u.id")
    return stays


def _retire_used(model: type[Facility] | type[Source], undone: str, table: str, now: datetime) -> list[str]:
    """Retire those that something else mentions: a connection, a sign-in, a registration, a patient's choice."""
    free = [
        _NOT_MENTIONED.format(table=relation.model._meta.db_table, column=relation.column)
        for relation in _mentioning(model)
    ]
    if model is Facility:
        free.append("EXISTS (SELECT 1 FROM sources_facility f WHERE f.id = u.id AND f.times_chosen = 0)")
    used = fetch(f"DELETE FROM {undone} u WHERE NOT ({' AND '.join(free)}) RETURNING id, name")  # noqa: S608
    execute(
        f"UPDATE {table} SET retired_at = %(now)s WHERE id = ANY(%(ids)s) AND retired_at IS NULL",  # noqa: S608
        {"now": now, "ids": [pk for pk, _ in used]},
    )
    return [f"{name} (in use, retired)" for _, name in used]


def _mentioning(model: type[Facility] | type[Source]) -> Iterator[ForeignKey[Any, Any]]:
    """The foreign keys by which others know a row; also those that give it no accessor, as flows and sign-ins do."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.name not in _OWN:
            yield relation.field
