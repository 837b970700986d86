"""The events of a workspace, page by page, newest first (contract §9).

Their order never changes and nothing comes in between, so that whoever goes on from a cursor misses none.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from common.cursors import Cursors
from common.errors import InvalidRequest
from organizations.models import Organization
from webhooks.models import Event
from webhooks.serializers import event_out
from webhooks.settling import Settled, settled


@dataclass(frozen=True)
class Selection:
    """Which of a workspace's events are asked for: no `type` means all, no `since` means of all times."""

    organization: Organization
    type: str | None = None
    since: datetime | None = None

    @property
    def rows(self) -> QuerySet[Event]:
        rows = Event.objects.filter(organization=self.organization)
        if self.type:
            rows = rows.filter(type=self.type)
        return rows.filter(created_at__gte=self.since) if self.since else rows

    def cursors(self, param: str) -> Cursors:
        """The cursors that callers send as `param`. Each parameter leads in one direction."""
        filters = f"{self.type}:{self.since and self.since.isoformat()}"
        return Cursors(f"events:{param}:{self.organization.pk}:{filters}", param)


@dataclass(frozen=True)
class _Page:
    """Newest first. Beyond `newest` is what comes later, beyond `oldest` what is there already."""

    events: list[Event]
    newest: int
    oldest: int
    has_older: bool


def page_of_events(
    selection: Selection, *, limit: int, starting_after: str | None = None, ending_before: str | None = None
) -> dict[str, Any]:
    """One page as the contract's list object. Raises InvalidRequest for what is no cursor of this feed."""
    to_older, to_newer = selection.cursors("starting_after"), selection.cursors("ending_before")
    now = settled()
    if ending_before:
        page = _towards_newer(selection, _place(to_newer, ending_before, now.last_given), limit, now)
    else:
        place = _place(to_older, starting_after, now.last_given + 1) if starting_after else now.up_to + 1
        page = _towards_older(selection, place, limit)
    return {
        "resource_type": "list",
        "data": [event_out(event) for event in page.events],
        "has_more": page.has_older,
        "next_cursor": to_older.make(page.oldest) if page.has_older else None,
        "previous_cursor": to_newer.make(page.newest),
    }


def _place(cursors: Cursors, cursor: str, last: int) -> int:
    """Where a cursor stands. One beyond all places is from before the database was put back to an earlier state."""
    place: int = cursors.read(cursor)
    if place > last:
        raise InvalidRequest("The feed was put back since. Start again without this cursor.", param=cursors.param)
    return place


def _towards_older(selection: Selection, place: int, limit: int) -> _Page:
    found = list(selection.rows.filter(place__lt=place).order_by("-place")[: limit + 1])
    events = found[:limit]
    newest, oldest = (events[0].place, events[-1].place) if events else (place - 1, place)
    return _Page(events, newest, oldest, has_older=len(found) > limit)


def _towards_newer(selection: Selection, place: int, limit: int, now: Settled) -> _Page:
    newer = selection.rows.filter(place__gt=place, place__lte=now.up_to)
    events = list(newer.order_by("place")[:limit])[::-1]
    # In order, which `exists()` would not ask for: then the index leads to one, wherever in the table it is.
    older = selection.rows.filter(place__lte=place).order_by("-place").values("place")[:1]
    newest, oldest = (events[0].place, events[-1].place) if events else (place, place + 1)
    return _Page(events, newest, oldest, has_older=bool(older))
