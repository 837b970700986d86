"""New deliveries announce themselves to the workers when their transaction commits (webhooks/announcing.py)."""

from django.db import migrations

TRIGGER = """
CREATE FUNCTION webhooks_delivery_announced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY webhooks_delivery;
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_delivery_announced AFTER INSERT ON webhooks_delivery
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_delivery_announced();
"""
NO_TRIGGER = """
DROP TRIGGER webhooks_delivery_announced ON webhooks_delivery;
DROP FUNCTION webhooks_delivery_announced();
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0004_endpoints")]

    operations = [migrations.RunSQL(TRIGGER, NO_TRIGGER)]
