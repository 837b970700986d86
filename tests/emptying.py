"""Leaving an empty database behind after a test that committed.

Django truncates all of its tables and then writes permissions anew, 0.23 s after each of some 450 tests, most of which
wrote a handful of rows. And it leaves the jobs there, whose tables are not its own.
"""

from django.db import connection, transaction

# Written by migrations, and the same for every test.
KEPT = ["django_migrations", "django_content_type", "auth_permission"]
# Their references are checked at once, those of Django's tables at the end of the transaction.
IN_ORDER = ["procrastinate_events", "procrastinate_periodic_defers", "procrastinate_jobs", "procrastinate_workers"]
LARGE_BYTES = 2_000_000
WRITTEN = """
    SELECT relname, pg_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> ALL (%s) AND pg_relation_size(oid) > 0
"""


def empty_database(*_: object) -> None:
    """Delete every row that is not kept; where there are many, all tables are truncated."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WRITTEN, [KEPT])
        sizes = dict(cursor.fetchall())
        if sum(sizes.values()) > LARGE_BYTES:
            cursor.execute(f"TRUNCATE {', '.join(_all_tables(cursor))}")
        elif sizes:
            tables = [*[name for name in IN_ORDER if name in sizes], *(sizes.keys() - IN_ORDER)]
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in tables))


def _all_tables(cursor) -> list[str]:
    return sorted(set(connection.introspection.table_names(cursor)) - set(KEPT))
