"""Ways to stop PostgreSQL in the middle of things."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from tests.eventually import eventually
from tests.journey.conftest import browser, flow, portal, riverside  # noqa: F401  fixtures
from tests.records.conftest import access, patient  # noqa: F401  fixtures
from tests.webhooks.receivers.names import Names

LOCK = 4711
PATIENCE_SECONDS = 60


@pytest.fixture
def stopping_at(transactional_db):
    """`with stopping_at("a_table", "AFTER INSERT") as reached:` whoever comes to that point stops; `reached()` waits
    until somebody did. When the block ends they go on, and their sessions have ended before it returns."""

    @contextmanager
    def stopping(table: str, when: str) -> Iterator[Callable[[], None]]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN PERFORM set_config('lock_timeout', '0', true); PERFORM pg_advisory_xact_lock({LOCK}); "
                "RETURN NEW; END $$"
            )
            cursor.execute(f"CREATE TRIGGER stop_here {when} ON {table} FOR EACH ROW EXECUTE FUNCTION stop_here()")
        waiting: set[int] = set()
        with psycopg.connect(**_parameters(), autocommit=True) as holder:
            holder.execute(f"SELECT pg_advisory_lock({LOCK})")
            try:
                yield lambda: eventually(
                    lambda: waiting.update(_at_the_lock(holder)) or waiting, within=PATIENCE_SECONDS
                )
            finally:
                holder.execute(f"SELECT pg_advisory_unlock({LOCK})")
                eventually(lambda: not _alive(holder, waiting), within=PATIENCE_SECONDS)
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP TRIGGER stop_here ON {table}")
                    cursor.execute("DROP FUNCTION stop_here()")

    return stopping


def _parameters() -> dict[str, object]:
    known = connection.get_connection_params()
    return {name: known[name] for name in ("dbname", "user", "password", "host", "port") if known.get(name)}


def _at_the_lock(holder: psycopg.Connection) -> list[int]:
    found = holder.execute(
        "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND objid = %s AND NOT granted AND datname = current_database()",
        [LOCK],
    )
    return [row[0] for row in found]


def _alive(holder: psycopg.Connection, pids: set[int]) -> bool:
    return bool(holder.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", [list(pids)]).fetchone())


PUBLIC = "93.184.216.34"


@pytest.fixture
def names(monkeypatch):
    """Where names lead, without asking the network. The receivers of the tests are public ones."""
    return Names(monkeypatch, {"hooks.example": [PUBLIC], "app.example.com": [PUBLIC]})


@pytest.fixture
def endpoint(api, names) -> dict:
    """An endpoint as it was answered when it was made, with its secret."""
    return api.post("/webhooks", {"url": "https://hooks.example/in", "events": ["*"]}).json
