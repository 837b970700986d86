from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0003_entries_of_earlier_imports"),
    ]

    operations = [
        migrations.RemoveField("facility", "directory_key"),
    ]
