"""What staff edit lies over what directories say: imports keep it, and note beside it what the directory says.

A field is pinned while `directory_values` of its row has it. Rows that no directory describes have nothing to pin.
"""

from collections.abc import Iterable
from typing import Any

from sources.imports import facilities, sources
from sources.models import Facility, Portal, Source

PORTALS = "portals"
PORTAL_DETAILS = ["name", "description", "url", "logo_url"]
_FIELDS: dict[type[Source] | type[Facility], list[str]] = {
    Source: sources.FIELDS,
    Facility: facilities.FIELDS,
}


def pin_edits(row: Source | Facility, names: Iterable[str]) -> None:
    """Pin the fields that staff changed on a row that is about to be saved. What a directory says itself is no edit.

    Compares with the stored row, so hold the catalogue's lock: an import may have ended since `row` was loaded.
    """
    pinnable = [name for name in _FIELDS[type(row)] if name.removesuffix("_id") in names or name in names]
    stored = type(row)._default_manager.filter(pk=row.pk).values(*pinnable, "directory_values").first()
    if row.described_by_id is None or stored is None:
        return
    row.directory_values = stored["directory_values"]
    for name in pinnable:
        entered, said = getattr(row, name), row.directory_values.get(name, stored[name])
        row.directory_values.pop(name, None)
        if entered != said:
            row.directory_values[name] = said


def give_back(row: Source | Facility, name: str) -> None:
    """Let a field have the directory's value again, and follow it from now on."""
    if name not in row.directory_values:
        return
    said = row.directory_values.pop(name)
    if name == PORTALS and isinstance(row, Facility):
        _set_portals(row, said)
        row.save(update_fields=["directory_values"])
        return
    setattr(row, name, said)
    row.save(update_fields=["directory_values", name])


def portals_of(facility: Facility) -> dict[str, dict[str, Any]]:
    """A facility's portals as they can be pinned and compared, by source."""
    return {portal.source_id: {name: getattr(portal, name) for name in PORTAL_DETAILS} for portal in _portals(facility)}


def pin_portals(facility: Facility, before: dict[str, dict[str, Any]]) -> None:
    """Pin the portals of a stored facility if they are no longer as they were `before` staff edited them."""
    if facility.described_by_id is None:
        return
    entered, values = portals_of(facility), facility.directory_values
    if entered != before:
        values.setdefault(PORTALS, before)
    if PORTALS in values and values[PORTALS] == entered:
        del values[PORTALS]
    facility.save(update_fields=["directory_values"])


def _portals(facility: Facility) -> list[Portal]:
    return list(Portal.objects.filter(facility=facility).order_by("source_id"))


def _set_portals(facility: Facility, wanted: dict[str, dict[str, Any]]) -> None:
    Portal.objects.filter(facility=facility).exclude(source_id__in=wanted).delete()
    known = set(Source.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    for source_id, details in wanted.items():
        if source_id in known:
            Portal.objects.update_or_create(facility=facility, source_id=source_id, defaults=details)
