"""Moments that callers name, such as `since`."""

import re
from datetime import datetime
from typing import Any

from common.fields import TextField

# As FHIR writes an instant: never without its zone.
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
_INSTANT = re.compile(INSTANT)


class InstantField(TextField):
    """A moment, with the zone it is meant in."""

    default_error_messages = {
        "instant": "Write a moment with its zone: 2026-04-25T14:30:00Z, or +02:00 for Z with the + encoded as %2B."
    }

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _INSTANT.fullmatch(text):
            self.fail("instant")
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail("instant")
