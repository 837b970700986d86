"""Moments that callers name, such as `since`."""

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any

from common.fields import TextField

# As FHIR writes an instant: never without its zone.
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
INSTANT = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?{_ZONE}"
_INSTANT = re.compile(INSTANT)


class InstantField(TextField):
    """A moment, with the zone it is meant in. Gives it in UTC, for PostgreSQL knows no zones beyond 15:59.

    What leaves the calendar on the way to UTC is its first or last moment, which filters as well.
    """

    default_error_messages = {
        "instant": "Write a moment with its zone: 2026-04-25T14:30:00Z, or +02:00 for Z. In an address, the + is "
        "encoded as %2B."
    }

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _INSTANT.fullmatch(text):
            self.fail("instant")
        try:
            return _in_utc(datetime.fromisoformat(text))
        except ValueError:
            self.fail("instant")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        if moment.year == MINYEAR:
            return datetime(MINYEAR, 1, 1, tzinfo=UTC)
        return datetime(MAXYEAR, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
