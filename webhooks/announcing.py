"""Workers sleep until something is due. New deliveries wake them by a trigger (migration 0005), the rest by this."""

from django.db import connection

CHANNEL = "webhooks_delivery"


def announce() -> None:
    """Have the workers look for what is due, as soon as the transaction around this commits."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
