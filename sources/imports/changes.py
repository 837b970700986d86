"""What an import does to facilities and sources, collected while it does it and kept with it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sources.imports.copying import copy_rows, fetch
from sources.models import DirectoryImport, Kind

# How a field is named in a change that is no column of its own.
PINNED, ENTRY, PORTAL = "directory:", "entry:", "portal:"
_WHERE = {"address_line", "city", "state", "postal_code", "country", "places"}
_COLUMNS = ["directory_import_id", "kind", "facility_id", "source_id", "name", "before", "after"]


@dataclass(slots=True)
class Change:
    """One row's changed fields, as they were and as they are."""

    name: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    is_merged: bool = False

    def kinds(self) -> Iterator[tuple[Kind, dict[str, Any], dict[str, Any]]]:
        """The change as it is reported: what staff's edits held back counts apart."""
        kept = {name for name in self.after if name.startswith(PINNED)}
        rest = self.after.keys() - kept
        for kind, names in ((self._kind(rest), rest), (Kind.KEPT, kept)):
            if names:
                ordered = [name for name in self.after if name in names]
                yield kind, {name: self.before[name] for name in ordered}, {name: self.after[name] for name in ordered}

    def _kind(self, names: set[str]) -> Kind:
        if "retired_at" in names:
            return Kind.RETIRED if self.after["retired_at"] else Kind.RETURNED
        if self.is_merged:
            return Kind.MERGED
        if "name" in names:
            return Kind.RENAMED
        if names & _WHERE:
            return Kind.MOVED
        return Kind.RELISTED if all(name.startswith(ENTRY) for name in names) else Kind.CHANGED


class Changes:
    """The changes of one import. Added rows are written at once, the others at the end, one for each row."""

    def __init__(self, run: DirectoryImport) -> None:
        self._run = run
        self.facilities: dict[int, Change] = {}
        self.sources: dict[str, Change] = {}
        self.counts: dict[str, Counter[str]] = {"facilities": Counter(), "sources": Counter()}

    def facility(self, facility_id: int, name: str = "") -> Change:
        return self.facilities.setdefault(facility_id, Change(name))

    def source(self, source_id: str, name: str = "") -> Change:
        return self.sources.setdefault(source_id, Change(name))

    def added_facilities(self, rows: Iterable[tuple[int, str]]) -> None:
        self._write((Kind.ADDED, facility_id, None, name, {}, {}) for facility_id, name in rows)

    def added_sources(self, rows: Iterable[tuple[str, str]]) -> None:
        self._write((Kind.ADDED, None, source_id, name, {}, {}) for source_id, name in rows)

    def merged_twins(self, rows: Iterable[tuple[int, str]]) -> None:
        """Entries of one listing that turned out to be the same facility."""
        self._write((Kind.MERGED, facility_id, None, name, {}, {}) for facility_id, name in rows)

    def write(self) -> None:
        """Keep what was collected. Call it once, at the end."""
        self._name()
        self._write(
            (kind, facility_id, None, change.name, before, after)
            for facility_id, change in self.facilities.items()
            for kind, before, after in change.kinds()
        )
        self._write(
            (kind, None, source_id, change.name, before, after)
            for source_id, change in self.sources.items()
            for kind, before, after in change.kinds()
        )

    def _name(self) -> None:
        """Changes of what hangs on a facility say which one it is, too."""
        nameless = [facility_id for facility_id, change in self.facilities.items() if not change.name]
        query = "SELECT id, name FROM sources_facility WHERE id = ANY(%(ids)s)"
        for facility_id, name in fetch(query, {"ids": nameless}):
            self.facilities[facility_id].name = name

    def _write(self, rows: Iterable[tuple[Kind, int | None, str | None, str, dict[str, Any], dict[str, Any]]]) -> None:
        copy_rows("sources_importchange", _COLUMNS, self._written(rows))

    def _written(
        self, rows: Iterable[tuple[Kind, int | None, str | None, str, dict[str, Any], dict[str, Any]]]
    ) -> Iterator[tuple[Any, ...]]:
        for kind, facility_id, source_id, name, before, after in rows:
            self.counts["facilities" if source_id is None else "sources"][kind.value] += 1
            yield self._run.pk, kind.value, facility_id, source_id, name, as_json(before), as_json(after)


def as_json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not belong into a change.")


def note(change: Change, values: dict[str, tuple[Any, Any]]) -> None:
    """Add to a change what fields were and are now. A field that was noted before keeps its first `before`."""
    for name, (before, after) in values.items():
        change.before.setdefault(name, before)
        change.after[name] = after
