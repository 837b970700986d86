"""When the events of an endpoint were last replayed, which is done once a minute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0005_announcing")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="last_replayed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
