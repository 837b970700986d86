"""Finding what is due, and claiming it: no two workers send the same at once (docs/adr/0024).

What is claimed has `claimed_until`, and the same moment as `next_attempt_at`: should the worker die, it is due again
then. Whoever wants another attempt meanwhile, or none, writes another `next_attempt_at`, which the end of this attempt
leaves alone (webhooks/outcomes.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from common.encryption import box
from common.outbound import Reach
from webhooks.models import Endpoint
from webhooks.models.event import PREFIX
from webhooks.sharing import AT_ONCE, Queue, Slots, share

# Longer than an attempt takes, with the noting of what came of it. After it a worker is believed dead.
CLAIM = timedelta(seconds=20)
# A receiver that takes longer is slow.
SLOW = timedelta(seconds=1)
# A walk over all endpoints with something to do goes so many at a time.
WINDOW = 250

# A worker that stands still in a transaction loses its locks, its connection and itself after so long.
STANDSTILL = "10s"

# Claims are made by one worker after the other, so that what is under way at an endpoint can be counted, and by the
# clock of the database, which is the same for all. The rest keeps PostgreSQL from reading whole tables that it last saw
# empty, and from compiling a statement that takes a millisecond.
_ALONE = """
SELECT pg_try_advisory_xact_lock(hashtextextended('webhooks.claiming', 0)), clock_timestamp(),
    set_config('idle_in_transaction_session_timeout', %(standstill)s, true),
    set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)
"""

# From endpoint to endpoint along an index, whose first entry of each has the earliest time: a backlog of one costs no
# more than a single delivery.
_QUEUES = """
WITH RECURSIVE pending AS (
    (
        SELECT endpoint_id, next_attempt_at, 1 AS place FROM webhooks_delivery
        WHERE next_attempt_at IS NOT NULL AND endpoint_id > %(after)s
        ORDER BY endpoint_id, next_attempt_at LIMIT 1
    )
    UNION ALL
    SELECT following.endpoint_id, following.next_attempt_at, pending.place + 1
    FROM pending CROSS JOIN LATERAL (
        SELECT endpoint_id, next_attempt_at FROM webhooks_delivery
        WHERE next_attempt_at IS NOT NULL AND endpoint_id > pending.endpoint_id
        ORDER BY endpoint_id, next_attempt_at LIMIT 1
    ) AS following
    WHERE pending.place < %(window)s
)
SELECT pending.endpoint_id, endpoint.organization_id, pending.next_attempt_at, endpoint.failing_since IS NOT NULL,
    endpoint.is_quick, due.count, under_way.count, under_way.slow, pending.place
FROM pending
LEFT JOIN webhooks_endpoint AS endpoint
    ON endpoint.id = pending.endpoint_id AND endpoint.status = 'active' AND pending.next_attempt_at <= %(now)s
LEFT JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM webhooks_delivery WHERE endpoint_id = endpoint.id AND next_attempt_at <= %(now)s
            AND (claimed_until IS NULL OR claimed_until <= %(now)s)
        LIMIT %(at_once)s
    ) AS first
) AS due ON true
LEFT JOIN LATERAL (
    SELECT count(*), coalesce(bool_or(claimed_until <= %(slow)s), false) AS slow
    FROM webhooks_delivery WHERE endpoint_id = endpoint.id AND claimed_until > %(now)s
) AS under_way ON true
WHERE endpoint.id IS NOT NULL OR pending.place = %(window)s
"""

# An endpoint that somebody is deleting or switching is left alone for now. The rows of attempts refer to it: it is
# locked before the deliveries, as everywhere.
_ENDPOINTS = """
SELECT id, url, secret, previous_secret, previous_secret_until FROM webhooks_endpoint
WHERE id = ANY(%(endpoints)s) AND status = 'active' ORDER BY id FOR KEY SHARE SKIP LOCKED
"""

# Arrays, because of them PostgreSQL knows that they are short: it would join with whole tables.
_CLAIM = """
WITH wanted AS (
    SELECT * FROM unnest(%(endpoints)s::text[], %(counts)s::int[]) AS wanted (endpoint_id, count)
), due AS (
    SELECT first.id FROM wanted CROSS JOIN LATERAL (
        SELECT id FROM webhooks_delivery
        WHERE endpoint_id = wanted.endpoint_id AND next_attempt_at <= %(now)s
            AND (claimed_until IS NULL OR claimed_until <= %(now)s)
        ORDER BY next_attempt_at LIMIT wanted.count FOR UPDATE SKIP LOCKED
    ) AS first
), claimed AS (
    UPDATE webhooks_delivery SET claimed_until = %(until)s, next_attempt_at = %(until)s
    WHERE id = ANY(ARRAY(SELECT id FROM due))
    RETURNING id, endpoint_id, body, failures, event_id IS NULL AS is_test
), lost AS (
    UPDATE webhooks_attempt SET outcome = 'unknown'
    WHERE delivery_id = ANY(ARRAY(SELECT id FROM claimed)) AND outcome = 'open'
), begun AS (
    INSERT INTO webhooks_attempt (delivery_id, endpoint_id, started_at, outcome, problem, response_body)
    SELECT id, endpoint_id, %(now)s, 'open', '', '' FROM claimed
    RETURNING id, delivery_id
)
SELECT begun.id, claimed.id, claimed.endpoint_id, claimed.body, claimed.failures, claimed.is_test
FROM claimed JOIN begun ON begun.delivery_id = claimed.id
"""


class Busy(Exception):
    """Another worker is claiming: ask again in a moment."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One attempt to be made, by whoever has this. Secrets and body are as they are kept: `opened` has them in clear.

    `failures` came before it; `until` is when it is somebody else's. `waited` is how long ago the first became due of
    all that is due at its endpoint.
    """

    attempt_id: int
    delivery_id: str
    failures: int
    is_test: bool
    endpoint_id: str
    organization_id: str
    is_in_trouble: bool
    is_untried: bool
    started_at: datetime
    until: datetime
    waited: timedelta
    endpoint: Endpoint = field(repr=False)
    body: str = field(repr=False)

    @property
    def public_id(self) -> str:
        return f"{PREFIX}{self.delivery_id}"

    @property
    def reach(self) -> Reach:
        return self.endpoint.reach

    def opened(self) -> tuple[bytes, list[str]]:
        """The body and the secrets that sign it. Raises InvalidToken where the keys that encrypted them are lost."""
        sealed = self.endpoint
        opened = Endpoint(
            secret=_opened(sealed.secret),
            previous_secret=_opened(sealed.previous_secret),
            previous_secret_until=sealed.previous_secret_until,
        )
        return _opened(self.body).encode(), opened.secrets(self.started_at)


def _opened(sealed: str | None) -> str:
    return box().decrypt(sealed).decode() if sealed else ""


def claim(slots: Slots, now: datetime | None = None, *, after: str = "") -> tuple[list[Claim], str]:
    """Claim what is due at the next endpoints after one, by their ids, as `sharing` gives the free slots out.

    Also returns where the walk goes on, empty where it came to its end. An attempt is written for each claim; one that
    a dead worker left open there becomes unknown. A fixed number of statements. It is what the database's clock says,
    unless `now` is given. Raises Busy.
    """
    with transaction.atomic():
        is_alone, clock = _rows(_ALONE, standstill=STANDSTILL)[0][:2]
        if not is_alone:
            raise Busy
        now = now or clock
        queues, last = _queues(after, now)
        shares = share(queues, slots)
        endpoints = _endpoints(shares)
        counts = [shares[endpoint] for endpoint in endpoints]
        given = {"endpoints": list(endpoints), "counts": counts, "now": now, "until": now + CLAIM}
        rows = _rows(_CLAIM, **given) if endpoints else []
    by_id = {queue.endpoint_id: queue for queue in queues}
    return [_made(row, by_id[row[2]], endpoints[row[2]], now) for row in rows], last


def _queues(after: str, now: datetime) -> tuple[list[Queue], str]:
    """What is due at the endpoints of a window, and the last of them if there may be more after it."""
    rows = _rows(_QUEUES, after=after, window=WINDOW, now=now, at_once=AT_ONCE, slow=now + CLAIM - SLOW)
    queues = [
        Queue(
            endpoint_id=endpoint_id,
            organization_id=organization_id,
            due=due,
            due_since=due_since,
            under_way=under_way,
            is_failing=is_failing,
            is_slow=is_slow,
            is_quick=is_quick,
        )
        for endpoint_id, organization_id, due_since, is_failing, is_quick, due, under_way, is_slow, _ in rows
        if organization_id
    ]
    return queues, next((row[0] for row in rows if row[-1] == WINDOW), "")


def _endpoints(ids: Iterable[str]) -> dict[str, Endpoint]:
    """Held until the transaction ends, with their secrets as they are kept."""
    ids = list(ids)
    rows = _rows(_ENDPOINTS, endpoints=ids) if ids else []
    names = ("id", "url", "secret", "previous_secret", "previous_secret_until")
    return {row[0]: Endpoint(**dict(zip(names, row, strict=True))) for row in rows}


def _made(row: tuple[Any, ...], queue: Queue, endpoint: Endpoint, now: datetime) -> Claim:
    attempt_id, delivery_id, endpoint_id, body, failures, is_test = row
    return Claim(
        attempt_id=attempt_id,
        delivery_id=delivery_id,
        failures=failures,
        is_test=is_test,
        endpoint_id=endpoint_id,
        organization_id=queue.organization_id,
        is_in_trouble=queue.is_in_trouble,
        is_untried=queue.is_untried,
        started_at=now,
        until=now + CLAIM,
        waited=now - queue.due_since,
        endpoint=endpoint,
        body=body,
    )


def _rows(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
