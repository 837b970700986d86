"""Directories become rows: what each lists, which one describes what, and what each import did.

Facility.sources keeps its table, which now has a model of its own.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids

ENVIRONMENTS = [("sandbox", "Sandbox"), ("production", "Production")]
RETIRED = "Set: no directory lists it any more; patients do not see it."


def described_by(related_name):
    return models.ForeignKey(
        blank=True,
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="sources.directory",
    )


def retired_at():
    return models.DateTimeField(blank=True, editable=False, help_text=RETIRED, null=True)


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Directory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=500)),
                ("environment", models.CharField(choices=ENVIRONMENTS, max_length=10)),
                (
                    "vendor",
                    models.CharField(
                        blank=True, help_text="The type of its sources: epic, cerner, …", max_length=50, null=True
                    ),
                ),
                (
                    "url",
                    models.URLField(
                        blank=True, help_text="Empty: it came from files so far.", max_length=500, null=True
                    ),
                ),
                (
                    "rank",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "not known"), (1, "a plain list"), (2, "brands with their places")], default=0
                    ),
                ),
                ("etag", models.CharField(blank=True, editable=False, max_length=500)),
                ("last_modified", models.CharField(blank=True, editable=False, max_length=100)),
                ("sha256", models.CharField(blank=True, editable=False, max_length=64)),
                ("is_watched", models.BooleanField(default=False, verbose_name="imported every week")),
                ("last_checked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_result", models.TextField(blank=True, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name_plural": "directories",
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "name"), name="sources_directory_one_per_name"),
                    models.CheckConstraint(
                        condition=models.Q(("environment__in", ["sandbox", "production"])),
                        name="sources_directory_environment_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("is_watched", False), ("url__isnull", False), _connector="OR"),
                        name="sources_directory_watched_has_url",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DirectoryEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                (
                    "source_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                (
                    "directory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="sources.directory"
                    ),
                ),
                (
                    "facility",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="sources.facility"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("directory", "key"), name="sources_entry_one_per_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="DirectoryImport",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=common.ids.new_ulid, editable=False, max_length=26, primary_key=True, serialize=False
                    ),
                ),
                ("origin", models.CharField(max_length=500, verbose_name="file or URL")),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("size", models.BigIntegerField(default=0, verbose_name="bytes")),
                ("format", models.CharField(blank=True, max_length=100)),
                ("environment", models.CharField(choices=ENVIRONMENTS, max_length=10)),
                ("vendor", models.CharField(blank=True, max_length=50, null=True)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("by", models.CharField(max_length=150, verbose_name="started by")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("applied", "applied"),
                            ("unchanged", "nothing new"),
                            ("refused", "refused"),
                            ("rolled_back", "rolled back"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "counts",
                    models.JSONField(default=dict, help_text="Kind of change to number, for facilities and sources."),
                ),
                ("refusals", models.JSONField(default=dict, help_text="Reason to number and examples.")),
                (
                    "reason",
                    models.TextField(
                        blank=True, help_text="Why it was refused, or what rolling it back left as it is."
                    ),
                ),
                (
                    "directory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="imports", to="sources.directory"
                    ),
                ),
            ],
            options={
                "verbose_name": "import",
                "indexes": [models.Index(fields=["directory", "-id"], name="sources_import_latest")],
            },
        ),
        migrations.CreateModel(
            name="ImportChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("added", "added"),
                            ("renamed", "renamed"),
                            ("moved", "moved"),
                            ("changed", "changed"),
                            ("retired", "retired"),
                            ("returned", "returned"),
                            ("merged", "merged"),
                            ("kept", "kept, staff edited"),
                            ("relisted", "listed under another id"),
                        ],
                        max_length=10,
                    ),
                ),
                ("facility_id", models.BigIntegerField(blank=True, null=True)),
                ("source_id", models.CharField(blank=True, max_length=32, null=True)),
                ("name", models.CharField(max_length=300)),
                ("before", models.JSONField(default=dict, help_text="The changed fields only.")),
                ("after", models.JSONField(default=dict, help_text="The changed fields only.")),
                (
                    "directory_import",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="sources.directoryimport"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["facility_id"], name="sources_change_of_facility"),
                    models.Index(fields=["source_id"], name="sources_change_of_source"),
                ],
            },
        ),
        # Sources
        migrations.AddField("source", "described_by", described_by("described_sources")),
        migrations.AddField("source", "directory_values", models.JSONField(default=dict, editable=False)),
        migrations.AddField("source", "retired_at", retired_at()),
        # Facilities. The key may be missing from here on, so that it can come back when migrating backwards.
        migrations.AlterField("facility", "directory_key", models.CharField(max_length=64, null=True, unique=True)),
        migrations.AddField(
            "facility",
            "npis",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, default=list, size=None, verbose_name="NPIs"
            ),
        ),
        migrations.AddField(
            "facility",
            "made_for",
            models.OneToOneField(
                blank=True,
                editable=False,
                help_text="The source that it was made with by hand, as what patients find it by.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="own_facility",
                to="sources.source",
            ),
        ),
        migrations.AddField("facility", "times_chosen", models.PositiveIntegerField(default=0, editable=False)),
        migrations.AddField("facility", "described_by", described_by("described_facilities")),
        migrations.AddField("facility", "directory_values", models.JSONField(default=dict, editable=False)),
        migrations.AddField("facility", "retired_at", retired_at()),
        # Portals: the table is there already, with these two columns and a constraint that they are unique together.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Portal",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "facility",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="portals",
                                to="sources.facility",
                            ),
                        ),
                        (
                            "source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="portals",
                                to="sources.source",
                            ),
                        ),
                    ],
                    options={"db_table": "sources_facility_sources", "unique_together": {("facility", "source")}},
                ),
                migrations.AlterField(
                    model_name="facility",
                    name="sources",
                    field=models.ManyToManyField(
                        related_name="facilities", through="sources.Portal", to="sources.source"
                    ),
                ),
            ],
        ),
        migrations.AlterUniqueTogether(name="portal", unique_together=set()),
        migrations.AddConstraint(
            model_name="portal",
            constraint=models.UniqueConstraint(
                fields=("facility", "source"), name="sources_portal_one_per_source"
            ),
        ),
        migrations.AddField(
            "portal", "name", models.CharField(blank=True, default="", max_length=300), preserve_default=False
        ),
        migrations.AddField(
            "portal", "description", models.TextField(blank=True, default="", max_length=2000), preserve_default=False
        ),
        migrations.AddField("portal", "url", models.URLField(blank=True, max_length=500, null=True)),
        migrations.AddField("portal", "logo_url", models.URLField(blank=True, max_length=500, null=True)),
    ]
