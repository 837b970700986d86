"""Up to where the feed is settled: no event can appear any more among those that are there.

Places are given when events are inserted, but events appear when their transactions end. A reader who has seen place 12
and asks for what comes after it would never see 11, if that was still in the making. So 12 is shown to nobody before
11 has either appeared or come to nothing.

Whoever inserts holds a lock until their transaction ends, whose number is the last place that was given before
(migration 0002). Here the last place is read first, then the locks, and the events in a statement after both. A place
up to the last one was given under a lock. If that lock is still there, its number is lower than the place, which is
left out then. If it is gone, the event can be seen, because PostgreSQL shows what a transaction wrote before it gives
up its locks. That holds as long as the sequence gives places one by one, and none twice (`CACHE 1`, no `CYCLE`).
"""

from dataclasses import dataclass

from django.db import connection

_LAST_GIVEN = "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM webhooks_event_place"
# Locks of one's own transaction do not count: it sees its own events. The mask takes off the 17750 that all have.
_LOWEST_IN_THE_MAKING = """
    SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock' AND classid::bigint >> 16 = 17750
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid IS DISTINCT FROM pg_backend_pid()
"""


@dataclass(frozen=True)
class Settled:
    """`up_to` is the highest place that may be shown; `last_given` is the highest that was ever given."""

    up_to: int
    last_given: int


def settled() -> Settled:
    """How far the feed is settled, for statements that come after it. Waits for nobody; two short queries."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_GIVEN)
        (last_given,) = cursor.fetchone()
        cursor.execute(_LOWEST_IN_THE_MAKING)
        (lowest,) = cursor.fetchone()
    return Settled(up_to=last_given if lowest is None else min(last_given, lowest), last_given=last_given)
