"""Ids: a prefix that names the kind, and 26 characters that sort by time (ULID)."""

import re
from datetime import datetime

from ulid import ULID

ULID_LENGTH = 26
# Crockford's base 32 has no I, L, O, U; the first character carries only three bits.
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)


def new_ulid() -> str:
    """A new ULID in its canonical upper-case form."""
    return str(ULID())


def is_ulid(text: str) -> bool:
    """Whether `text` is a ULID in canonical form."""
    return _ULID.fullmatch(text) is not None


def first_ulid_at(instant: datetime) -> str:
    """The smallest ULID of that millisecond: bounds a period by primary key, which has an index."""
    return str(ULID.from_datetime(instant))[:10] + "0" * 16
