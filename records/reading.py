"""A patient's records page by page, in the order in which they first came, newest first.

That order never changes, so that pages neither skip nor repeat (contract §8).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from common.cursors import Cursors
from common.renderers import RawJSON
from patients.models import Patient
from records.bodies import Body, bodies_of
from records.models import Record

CURSOR_LIFETIME = timedelta(days=7)
# A page ends early rather than grow far beyond this.
PAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Selection:
    """Which of a patient's records are asked for: no `types` means all, no `since` means of all times."""

    patient: Patient
    types: frozenset[str] = frozenset()
    since: datetime | None = None

    @property
    def rows(self) -> QuerySet[Record]:
        rows = Record.objects.filter(patient=self.patient)
        if self.types:
            rows = rows.filter(resource_type__in=sorted(self.types))
        return rows.filter(updated_at__gte=self.since) if self.since else rows

    def ids(self, position: int | None, count: int, *, towards_newer: bool = False) -> list[int]:
        """Up to `count` ids from a position on, without it: older and older ones, or newer and newer ones."""
        rows = self.rows.order_by("id" if towards_newer else "-id")
        if position is not None:
            rows = rows.filter(id__gt=position) if towards_newer else rows.filter(id__lt=position)
        return list(rows.values_list("id", flat=True)[:count])

    def cursors(self, param: str) -> Cursors:
        """The cursors that callers send as `param`. Each parameter leads in one direction."""
        filters = f"{sorted(self.types)!r}:{self.since and self.since.isoformat()}"
        return Cursors(f"records:{param}:{self.patient.pk}:{filters}", param, CURSOR_LIFETIME)


def page_of_records(
    selection: Selection, *, count: int, starting_after: str | None = None, ending_before: str | None = None
) -> dict[str, Any]:
    """One page as the contract's list object. Raises InvalidRequest for what is no cursor of this list, or too old."""
    to_older, to_newer = selection.cursors("starting_after"), selection.cursors("ending_before")
    if ending_before:
        page = _towards_newer(selection, to_newer.read(ending_before), count)
    else:
        page = _towards_older(selection, to_older.read(starting_after) if starting_after else None, count)
    return {
        "resource_type": "list",
        "patient_id": selection.patient.reference,
        "data": [{"source": body.source_id, "resource": RawJSON(body.text)} for body in page.bodies if body],
        "has_more": page.has_older,
        "next_cursor": to_older.make(page.oldest) if page.has_older else None,
        "previous_cursor": to_newer.make(page.newest) if page.has_newer else None,
    }


@dataclass(frozen=True)
class _Page:
    """Newest first. Of an empty one `newest` and `oldest` are such that no record is passed over on the way back."""

    bodies: list[Body | None]
    newest: int
    oldest: int
    has_newer: bool
    has_older: bool


def _towards_older(selection: Selection, position: int | None, count: int) -> _Page:
    ids = selection.ids(position, count + 1)
    bodies = bodies_of(ids[:count], selection.patient, PAGE_BYTES)
    shown = ids[: len(bodies)] or [(position or 0) - 1]
    is_first = position is None or not selection.rows.filter(id__gte=position).exists()
    return _Page(bodies, shown[0], shown[-1], has_newer=not is_first, has_older=len(ids) > len(bodies))


def _towards_newer(selection: Selection, position: int, count: int) -> _Page:
    ids = selection.ids(position, count + 1, towards_newer=True)
    bodies = bodies_of(ids[:count], selection.patient, PAGE_BYTES)
    shown = ids[: len(bodies)] or [position + 1]
    is_last = not selection.rows.filter(id__lte=position).exists()
    return _Page(bodies[::-1], shown[-1], shown[0], has_newer=len(ids) > len(bodies), has_older=not is_last)
