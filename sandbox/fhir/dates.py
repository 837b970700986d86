"""FHIR's date search: a prefix, and a date that stands for the whole day, month or year it names."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox.fhir.errors import NotUnderstood

_VALUE = re.compile(
    r"(?P<prefix>eq|ne|gt|lt|ge|le|sa|eb)?"
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)(?P<time>T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_COMPARISONS: dict[str, Callable[[datetime, datetime, datetime], bool]] = {
    "eq": lambda at, start, end: start <= at < end,
    "ne": lambda at, start, end: not start <= at < end,
    "gt": lambda at, start, end: at >= end,
    "sa": lambda at, start, end: at >= end,
    "ge": lambda at, start, end: at >= start,
    "lt": lambda at, start, end: at < start,
    "eb": lambda at, start, end: at < start,
    "le": lambda at, start, end: at < end,
}


def check_date(value: str) -> None:
    """Raises NotUnderstood unless `value` is a date with an optional prefix, or several with commas between."""
    for text in value.split(","):
        _read(text)


def date_test(value: str) -> Callable[[str], bool]:
    """Whether an instant satisfies one of the comma-separated dates of a checked `value`."""
    wanted = [(_COMPARISONS[prefix], start, end) for prefix, start, end in map(_read, value.split(","))]

    def satisfies(instant: str) -> bool:
        at = datetime.fromisoformat(instant)
        return any(compare(at, start, end) for compare, start, end in wanted)

    return satisfies


def _read(text: str) -> tuple[str, datetime, datetime]:
    # A "+" that was not percent-encoded arrives as a space.
    match = _VALUE.fullmatch(text.strip().replace(" ", "+"))
    if match is None:
        raise NotUnderstood(f"This is not a FHIR date: {text[:50]}")
    try:
        start, end = _range(match)
    except (ValueError, OverflowError) as error:
        raise NotUnderstood(f"There is no such date: {text[:50]}") from error
    return match["prefix"] or "eq", start, end


def _range(match: re.Match[str]) -> tuple[datetime, datetime]:
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    start = datetime(year, month, day, tzinfo=UTC)
    if match["time"]:
        return _range_of_time(f"{start:%Y-%m-%d}{match['time']}")
    if match["day"]:
        return start, start + timedelta(days=1)
    if match["month"]:
        return start, (start + timedelta(days=31)).replace(day=1)
    return start, start.replace(year=year + 1)


def _range_of_time(text: str) -> tuple[datetime, datetime]:
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    precision = timedelta(milliseconds=1) if "." in text else timedelta(seconds=1)
    return at, at + precision
