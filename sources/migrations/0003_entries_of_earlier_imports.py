"""What was imported before directories had rows becomes a directory of each environment, "imported earlier".

The key of a facility moves to its entry. Facilities made by hand have none: they stay the staff's own.
"""

import hashlib

from django.db import migrations

NAME = "imported earlier"
STAFFS = "staff:"
BATCH = 2000


def own_key(source_id):
    """The key of the facility that a source added by hand got with it."""
    return hashlib.sha256(f"source:{source_id}".encode()).hexdigest()


def fill(apps, schema_editor):
    Directory, Entry, Facility, Portal, Source = (
        apps.get_model("sources", name) for name in ("Directory", "DirectoryEntry", "Facility", "Portal", "Source")
    )
    environments, own = {}, {}
    for pk, environment in Source.objects.values_list("pk", "environment"):
        environments[pk], own[own_key(pk)] = environment, pk
    sources = {}
    for facility_id, source_id in Portal.objects.order_by("pk").values_list("facility_id", "source_id"):
        sources.setdefault(facility_id, []).append(source_id)
    directories, entries = {}, []
    for pk, key in Facility.objects.order_by("pk").values_list("pk", "directory_key"):
        if key in own:
            Facility.objects.filter(pk=pk).update(made_for_id=own[key])
        elif not key.startswith(STAFFS) and pk in sources:
            environment = environments[sources[pk][0]]
            if environment not in directories:
                directories[environment] = Directory.objects.create(name=NAME, environment=environment)
            entries.append(
                Entry(directory=directories[environment], facility_id=pk, key=key, source_ids=sources[pk])
            )
    Entry.objects.bulk_create(entries, batch_size=BATCH)
    for directory in directories.values():
        Facility.objects.filter(entries__directory=directory).update(described_by=directory)
        listed = Source.objects.filter(
            environment=directory.environment, portals__facility__described_by=directory, organization=None
        )
        added_by_hand = Facility.objects.exclude(made_for=None).values("made_for")
        Source.objects.filter(pk__in=listed.values("pk")).exclude(pk__in=added_by_hand).update(described_by=directory)


def empty(apps, schema_editor):
    """Give the facilities their keys back, before the column is required again."""
    Facility, Entry = apps.get_model("sources", "Facility"), apps.get_model("sources", "DirectoryEntry")
    keys = dict(Entry.objects.order_by("-pk").values_list("facility_id", "key"))
    for facility in Facility.objects.all():
        own = own_key(facility.made_for_id) if facility.made_for_id else f"{STAFFS}{facility.pk}"
        Facility.objects.filter(pk=facility.pk).update(directory_key=keys.get(facility.pk, own))


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0002_directories"),
    ]

    operations = [
        migrations.RunPython(fill, empty),
    ]
