"""How endpoints do, counted for the staff's pages. Each function is one query, of bounded work per endpoint."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate

from webhooks.models import Attempt, Outcome

DAY = timedelta(days=1)
CHART_DAYS = 14
# Nobody reads larger numbers; beyond them it says "1000+".
COUNTED = 1000

_HEALTH = """
SELECT endpoint.id, newest.delivered, newest.ended, waiting.count, held.count
FROM unnest(%(endpoints)s::varchar[]) AS endpoint(id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE outcome = 'delivered') AS delivered, count(*) AS ended FROM (
        SELECT outcome FROM webhooks_attempt
        WHERE endpoint_id = endpoint.id AND started_at > %(since)s AND outcome <> 'open'
        ORDER BY started_at DESC LIMIT %(most)s
    ) AS tries
) AS newest
CROSS JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM webhooks_delivery
        WHERE endpoint_id = endpoint.id AND next_attempt_at IS NOT NULL LIMIT %(most)s
    ) AS due
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM webhooks_delivery
        WHERE endpoint_id = endpoint.id
            AND delivered_at IS NULL AND next_attempt_at IS NULL AND claimed_until IS NULL LIMIT %(most)s
    ) AS kept
) AS held
"""

_OVERVIEW = """
SELECT failing.count, given_up.count, waiting.count, held.count
FROM (
    SELECT count(*) FROM webhooks_endpoint WHERE failing_since IS NOT NULL AND status = 'active'
) AS failing, (
    SELECT count(*) FROM webhooks_endpoint WHERE disabled_because IN ('failed', 'gone')
) AS given_up, (
    SELECT count(*) FROM (
        SELECT FROM webhooks_delivery WHERE next_attempt_at IS NOT NULL LIMIT %(most)s
    ) AS due
) AS waiting, (
    SELECT count(*) FROM (
        SELECT FROM webhooks_delivery
        WHERE delivered_at IS NULL AND next_attempt_at IS NULL AND claimed_until IS NULL LIMIT %(most)s
    ) AS kept
) AS held
"""


@dataclass(frozen=True)
class Overview:
    """Of all workspaces: endpoints that do not take their events, and events that are on their way or held."""

    failing: int
    given_up: int
    waiting: int
    held: int


@dataclass(frozen=True)
class Health:
    """Of one endpoint: the newest attempts of a day, and the events that are on their way or held."""

    delivered: int = 0
    ended: int = 0
    waiting: int = 0
    held: int = 0

    @property
    def share(self) -> str:
        """How many of the attempts succeeded; never rounded up to all, or down to none."""
        if not self.ended:
            return "–"
        percent = self.delivered * 100 / self.ended
        if 0 < percent < 1 or 99 < percent < 100:
            return "< 1 %" if percent < 1 else "> 99 %"
        return f"{percent:.0f} %"


def up_to(count: int) -> str:
    """A count that stops at COUNTED."""
    return f"{COUNTED}+" if count >= COUNTED else str(count)


def health_of(endpoints: list[str], now: datetime) -> dict[str, Health]:
    """By the id of each endpoint."""
    with connection.cursor() as cursor:
        cursor.execute(_HEALTH, {"endpoints": endpoints, "since": now - DAY, "most": COUNTED})
        return {pk: Health(*numbers) for pk, *numbers in cursor.fetchall()}


def overview() -> Overview:
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, {"most": COUNTED})
        return Overview(*cursor.fetchone())


@dataclass
class ChartDay:
    """What came of the attempts of one day, in UTC. `width` is in percent of the busiest day."""

    day: date
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    width: int = 0

    @property
    def total(self) -> int:
        return self.delivered + self.failed + self.unknown

    @property
    def parts(self) -> list[tuple[str, str, int]]:
        """Class, word and number of what there is any of."""
        parts = [
            ("delivered", "delivered", self.delivered),
            ("failed", "failed", self.failed),
            ("unknown", "not known", self.unknown),
        ]
        return [part for part in parts if part[2]]


def chart_of(endpoint_id: str, now: datetime) -> list[ChartDay]:
    """The last CHART_DAYS days, the newest first; those without any attempt too."""
    today = now.astimezone(UTC).date()
    days = {today - timedelta(days=ago): ChartDay(today - timedelta(days=ago)) for ago in range(CHART_DAYS)}
    begin = datetime.combine(min(days), datetime.min.time(), UTC)
    for row in _attempts_by_day(endpoint_id, begin):
        if row["day"] in days:
            setattr(days[row["day"]], row["outcome"], row["count"])
    busiest = max(day.total for day in days.values())
    for day in days.values():
        day.width = max(day.total * 100 // busiest, 1) if day.total else 0
    return list(days.values())


def _attempts_by_day(endpoint_id: str, begin: datetime) -> Any:
    ended = Attempt.objects.filter(endpoint=endpoint_id, started_at__gte=begin).exclude(outcome=Outcome.OPEN)
    by_day = ended.annotate(day=TruncDate("started_at", tzinfo=UTC)).values("day", "outcome")
    return by_day.annotate(count=Count("pk")).order_by()
