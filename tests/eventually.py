"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable

from django.db import connection


def eventually(is_so: Callable[[], object], within: float = 120) -> None:
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.005)


def eventually_waiting(many: int = 1) -> None:
    """Until so many wait for somebody's lock in this test's database; those beside it have waiters of their own."""
    with connection.cursor() as cursor:

        def are_waiting() -> bool:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees whom it saw first
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database()"
            )
            return cursor.fetchone()[0] >= many

        eventually(are_waiting)
