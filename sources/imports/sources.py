"""Writing the sources of a listing: new ones, and what is said differently of known ones."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from sources.base_urls import source_id
from sources.imports.changes import Changes, as_json, note
from sources.imports.copying import copy_rows, execute, make_temporary
from sources.imports.facilities import merge
from sources.models import Directory, Source
from sources.reading.listing import EXAMPLES, ListedFacility, ListedSource, Listing, Refusal

FIELDS = ["name", "type", "portal_url", "logo_url"]
_WRITTEN = ["id", *FIELDS, "described_by_id", "directory_values", "updated_at"]
_COLUMNS = [*_WRITTEN, "fhir_base_url", "environment", "created_at"]
_UPDATE = """
    UPDATE sources_source s
    SET name = n.name, type = n.type, portal_url = n.portal_url, logo_url = n.logo_url,
      described_by_id = n.described_by_id, directory_values = n.directory_values, updated_at = n.updated_at
    FROM fresh_source n WHERE n.id = s.id
"""


def refuse(listing: Listing, refusal: Refusal, example: str) -> None:
    """Count one more entry that was left out."""
    listing.refusals[refusal] += 1
    examples = listing.examples.setdefault(refusal, [])
    if len(examples) < EXAMPLES:
        examples.append(example)


class Sources:
    """The sources of one listing on their way into the catalogue."""

    def __init__(self, directory: Directory, vendor: str | None, changes: Changes) -> None:
        self._directory, self._vendor, self._changes = directory, vendor, changes
        self._ranks: dict[int, int] = dict(Directory.objects.values_list("pk", "rank"))

    def store(self, listing: Listing, now: datetime) -> dict[str, str]:
        """The ids of the sources that the import may use, by base URL.

        Sources of the other environment and private ones are refused. What was added by hand stays as it is.
        """
        ids = {one.fhir_base_url: source_id(one.fhir_base_url) for one in listing.sources}
        known = Source.objects.in_bulk(list(ids.values()))
        added, changed = [], []
        for one in listing.sources:
            existing = known.get(ids[one.fhir_base_url])
            if existing is None:
                added.append(self._row(ids[one.fhir_base_url], self._said(one), now))
                added[-1] += (one.fhir_base_url, self._directory.environment, now)
            elif (refusal := self._refusal(existing)) is not None:
                refuse(listing, refusal, one.fhir_base_url)
                del ids[one.fhir_base_url]
            elif row := self._merged(existing, self._said(one), now):
                changed.append(row)
        self._write(added, changed)
        return ids

    def _said(self, one: ListedSource) -> dict[str, Any]:
        vendor = self._vendor or one.vendor
        return {"name": one.name, "type": vendor, "portal_url": one.portal_url, "logo_url": one.logo_url}

    def _row(self, pk: str, values: dict[str, Any], at: datetime, pinned: str = "{}") -> tuple[Any, ...]:
        return (pk, *(values[name] for name in FIELDS), self._directory.pk, pinned, at)

    def _refusal(self, source: Source) -> Refusal | None:
        if source.environment != self._directory.environment:
            return Refusal.OTHER_ENVIRONMENT
        return Refusal.PRIVATE if source.organization_id is not None else None

    def _merged(self, source: Source, said: dict[str, Any], at: datetime) -> tuple[Any, ...] | None:
        """The row as it is to be, if that is not how it is. Nothing never takes the place of something."""
        if source.described_by_id is None:
            return None
        known = {name: getattr(source, name) for name in FIELDS}
        pinned = dict(source.directory_values)
        describes = self._describes(source)
        given = {
            name: value
            for name, value in said.items()
            if value is not None and (describes or not (pinned[name] if name in pinned else known[name]))
        }
        differing = merge(known, given, pinned)
        if describes and source.described_by_id != self._directory.pk:
            differing["described_by_id"] = (source.described_by_id, self._directory.pk)
        if not differing:
            return None
        note(self._changes.source(source.pk, name=known["name"]), differing)
        row = self._row(source.pk, known, at, as_json(pinned))
        return row if describes else (*row[:-3], source.described_by_id, *row[-2:])

    def _describes(self, source: Source) -> bool:
        """Whether this directory is the one whose values the source has: its own, a better one, or the only one."""
        describer = source.described_by_id or 0
        return (
            describer == self._directory.pk
            or self._ranks.get(describer, 0) < self._directory.rank
            or source.retired_at is not None
        )

    def _write(self, added: list[tuple[Any, ...]], changed: list[tuple[Any, ...]]) -> None:
        copy_rows("sources_source", _COLUMNS, added)
        self._changes.added_sources((row[0], row[1]) for row in added)
        columns = ", ".join(_WRITTEN)
        make_temporary("fresh_source", f"SELECT {columns} FROM sources_source LIMIT 0")  # noqa: S608
        copy_rows("fresh_source", _WRITTEN, changed)
        execute(_UPDATE)


def usable(listing: Listing, source_ids: dict[str, str]) -> Iterator[ListedFacility]:
    """The facilities of the listing with the portals to sources that the import may use; without any, refused."""
    for one in listing.facilities:
        portals = tuple(portal for portal in one.portals if portal.base_url in source_ids)
        if not portals:
            refuse(listing, Refusal.NO_ENDPOINT, one.name)
        else:
            yield one if len(portals) == len(one.portals) else replace(one, portals=portals)
