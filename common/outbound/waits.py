"""How long somebody out there asks to be left alone."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime


def retry_after(text: str, now: datetime) -> timedelta | None:
    """How long a `Retry-After` header asks to wait: seconds or a date (RFC 9110 10.2.3). None for anything else."""
    try:
        wait = timedelta(seconds=int(text)) if text.isascii() and text.isdigit() else parsedate_to_datetime(text) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(wait, timedelta(0))
