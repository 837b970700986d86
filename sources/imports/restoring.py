"""Giving a row back what an import took from it, wherever nobody has changed it since."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model
from django.utils.dateparse import parse_datetime

from sources.imports.changes import ENTRY, PINNED, PORTAL
from sources.imports.portals import DETAILS
from sources.imports.report import field_in_words
from sources.models import DirectoryEntry, Facility, ImportChange, Portal, Source


def restore_facility(change: ImportChange) -> list[str]:
    """Undo one change of a facility. Returns, in words, what stays because it was changed since."""
    facility = Facility.objects.filter(pk=change.facility_id or 0).first()
    if facility is None:
        return [f"{change.name} (deleted since)"]
    restore: dict[str, Callable[[str, Any, Any], bool]] = {
        ENTRY: lambda key, before, after: _restore_entry(change, facility, key, before, after),
        PORTAL: lambda source_id, before, after: _restore_portal(facility, source_id, before, after),
    }
    stays = _restore_row(facility, change, restore)
    return [f"{change.name} ({', '.join(stays)})"] if stays else []


def restore_source(change: ImportChange) -> list[str]:
    """Undo one change of a source. Returns, in words, what stays because it was changed since."""
    source = Source.objects.filter(pk=change.source_id).first()
    if source is None:
        return [f"{change.name} (deleted since)"]
    stays = _restore_row(source, change, {})
    return [f"{change.name} ({', '.join(stays)})"] if stays else []


def _restore_row(
    row: Facility | Source, change: ImportChange, restore: dict[str, Callable[[str, Any, Any], bool]]
) -> list[str]:
    stays: list[str] = []
    written: set[str] = set()
    # Entries first: a portal depends on whether one lists it.
    for name in sorted(change.after, key=lambda name: not name.startswith(ENTRY)):
        before, after = change.before.get(name), change.after[name]
        prefix, _, rest = name.partition(":")
        if f"{prefix}:" in restore:
            is_restored = restore[f"{prefix}:"](rest, before, after)
        else:
            is_restored = _restore_field(row, name.removeprefix(PINNED), before, after, written)
        if not is_restored:
            stays.append(field_in_words(name.removeprefix(PINNED)))
    if written:
        _write(row, written)
    return list(dict.fromkeys(stays))


def _restore_field(row: Facility | Source, name: str, before: Any, after: Any, written: set[str]) -> bool:
    """What staff edited since keeps their value; what the directory says of it goes back beside."""
    if name in row.directory_values:
        is_pinned_later: bool = row.directory_values[name] == after
        if is_pinned_later:
            row.directory_values[name] = before
            written.add("directory_values")
        return is_pinned_later
    current = getattr(row, name, None)
    if (current.isoformat() if name == "retired_at" and current else current) != after:
        return False
    if name == "brand_id" and before is not None and not Facility.objects.filter(pk=before).exists():
        return False
    setattr(row, name, parse_datetime(before) if name == "retired_at" and before else before)
    written.add(name)
    return True


def _write(row: Model, names: set[str]) -> None:
    """Exactly these columns, as if the import had not been: `updated_at` stays."""
    type(row)._default_manager.filter(pk=row.pk).update(**{name: getattr(row, name) for name in names})


def _restore_entry(change: ImportChange, facility: Facility, key: str, before: Any, after: Any) -> bool:
    """A key that another place has got since is that place's; one that this import gave to another comes back."""
    directory_id = change.directory_import.directory_id
    entry = DirectoryEntry.objects.filter(directory_id=directory_id, key=key).first()
    own = _entry_told(entry) if entry and entry.facility_id == facility.pk else None
    if own is None and before is None:
        return True
    if own != after or (entry and own is None and not _was_given(change, entry)):
        return False
    if before is not None and not _all_exist(before["source_ids"]):
        return False
    if entry is not None:
        entry.delete()
    if before is not None:
        DirectoryEntry.objects.create(directory_id=directory_id, key=key, facility=facility, **before)
    return True


def _all_exist(source_ids: list[str]) -> bool:
    return Source.objects.filter(pk__in=source_ids).count() == len(set(source_ids))


def _was_given(change: ImportChange, entry: DirectoryEntry) -> bool:
    """Whether the entry is where and as this import put it."""
    given = change.directory_import.changes.filter(facility_id=entry.facility_id)
    return given.filter(after__contains={f"{ENTRY}{entry.key}": _entry_told(entry)}).exists()


def _entry_told(entry: DirectoryEntry) -> dict[str, Any]:
    return {"id": entry.pk, "source_ids": entry.source_ids}


def _restore_portal(facility: Facility, source_id: str, before: Any, after: Any) -> bool:
    portal = Portal.objects.filter(facility=facility, source_id=source_id).first()
    if _told(portal) != after or "portals" in facility.directory_values:
        return False
    if before is None:
        if DirectoryEntry.objects.filter(facility=facility, source_ids__contains=[source_id]).exists():
            return False
        Portal.objects.filter(facility=facility, source_id=source_id).delete()
    elif not Source.objects.filter(pk=source_id).exists():
        return False
    elif after is None:
        Portal.objects.create(facility=facility, source_id=source_id, **before)
    else:
        Portal.objects.filter(pk=after["id"]).update(**before)
    return True


def _told(portal: Portal | None) -> dict[str, Any] | None:
    return {name: getattr(portal, name) for name in ["id", *DETAILS]} if portal else None
