"""The place of events in the feed, and who is about to take one (webhooks/settling.py).

Whoever inserts events says so until their transaction ends, by a lock whose number is the last place that was given
before. It is a shared one that nobody ever waits for, and is gone with the transaction, however that ends. The trigger
comes before the first place is taken, so that all of them are higher.
"""

from django.db import migrations, models

SEQUENCE = "CREATE SEQUENCE webhooks_event_place"
OWNER = "ALTER SEQUENCE webhooks_event_place OWNED BY webhooks_event.place"
NO_OWNER = "ALTER SEQUENCE webhooks_event_place OWNED BY NONE"
TRIGGER = """
CREATE FUNCTION webhooks_event_in_the_making() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_given bigint;
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO last_given FROM webhooks_event_place;
    PERFORM pg_advisory_xact_lock_shared((17750::bigint << 48) | last_given);
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_event_in_the_making BEFORE INSERT ON webhooks_event
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_event_in_the_making();
"""
NO_TRIGGER = """
DROP TRIGGER webhooks_event_in_the_making ON webhooks_event;
DROP FUNCTION webhooks_event_in_the_making();
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0003_idempotency_keys"), ("webhooks", "0001_initial")]

    operations = [
        migrations.RunSQL(SEQUENCE, "DROP SEQUENCE webhooks_event_place"),
        migrations.AddField(
            model_name="event",
            name="place",
            field=models.BigIntegerField(
                db_default=models.Func(models.Value("webhooks_event_place"), function="nextval"), editable=False
            ),
        ),
        migrations.RunSQL(OWNER, NO_OWNER),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
        migrations.RemoveIndex(model_name="event", name="webhooks_event_newest_of_type"),
        migrations.AddIndex(
            model_name="event", index=models.Index(fields=["organization", "-place"], name="webhooks_event_feed")
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["organization", "type", "-place"], name="webhooks_event_feed_of_type"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["organization", "created_at"], name="webhooks_event_since"),
        ),
    ]
