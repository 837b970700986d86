"""What apps were told."""

from typing import Any

from django.db import connection

from webhooks.models import Event


def told() -> list[tuple[str, dict[str, Any]]]:
    """Types and objects of all events, in the order in which they were written."""
    return [(event.type, event.full_object) for event in Event.objects.order_by("pk")]


def types_told() -> list[str]:
    return [type_ for type_, _ in told()]


def refuse_to_delete(table: str) -> str:
    """SQL that has the database refuse every deletion from a table."""
    return (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
        f"CREATE TRIGGER refuse BEFORE DELETE ON {table} EXECUTE FUNCTION refuse()"
    )


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
