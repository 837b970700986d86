"""Rows into PostgreSQL by COPY, the fastest way there is."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from psycopg import sql


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows into a table as they come; nothing is collected in memory."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def make_temporary(table: str, query: str, parameters: dict[str, Any] | None = None) -> None:
    """A table of this transaction only, with what the query finds."""
    execute(f"DROP TABLE IF EXISTS pg_temp.{table}")
    execute(f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {query}", parameters)


def execute(statement: str, parameters: dict[str, Any] | None = None) -> int:
    """Run one statement and say how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        count: int = cursor.rowcount
        return count


def fetch(statement: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def analyze() -> None:
    """Let PostgreSQL see what was brought, for planning the statements that follow in this transaction and after it."""
    for table in ("sources_source", "sources_facility", "sources_facility_sources", "sources_directoryentry"):
        execute(f"ANALYZE {table}")
