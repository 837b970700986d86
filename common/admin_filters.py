"""Filters of the staff's lists that an index answers."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.utils import parse_date_str

from common.ids import first_ulid_at

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class PeriodFilter(RangeDateTimeFilter):  # type: ignore[misc]  # unfold has no types
    """From one moment to another, by a ULID, which begins with its time. A day without a time is the whole day."""

    ulid_field = "pk"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self._bound("from", timedelta(0)), self._bound("to", timedelta(days=1))
        if start is not None:
            queryset = queryset.filter(**{f"{self.ulid_field}__gte": first_ulid_at(start)})
        if end is not None:
            queryset = queryset.filter(**{f"{self.ulid_field}__lt": first_ulid_at(end)})
        return queryset

    def _bound(self, side: str, whole_day: timedelta) -> datetime | None:
        """The moment typed on one side; None where it is empty or no date."""
        day = parse_date_str(self._typed(f"{side}_0"))
        if day is None:
            return None
        clock = _time(self._typed(f"{side}_1"))
        bound = datetime.combine(day, clock or time.min, UTC)
        try:
            return max(bound if clock else bound + whole_day, _EARLIEST)
        except OverflowError:
            return bound

    def _typed(self, name: str) -> str:
        return self.used_parameters.get(f"{self.parameter_name}_{name}") or ""


class SignInPeriodFilter(PeriodFilter):
    """The same for rows of a sign-in, by when it began."""

    ulid_field = "authorization_id"


def _time(text: str) -> time | None:
    for form in settings.TIME_INPUT_FORMATS:
        try:
            return datetime.strptime(text, form).time()  # noqa: DTZ007  a time of day has no zone
        except ValueError:
            continue
    return None
