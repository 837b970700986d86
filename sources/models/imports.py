"""What imports did: each one a reviewed change that can be taken back."""

from django.db import models
from django.utils import timezone

from common.ids import new_ulid
from organizations.models import Environment
from sources.models.directory import Directory


class Status(models.TextChoices):
    APPLIED = "applied", "applied"
    UNCHANGED = "unchanged", "nothing new"
    REFUSED = "refused", "refused"
    ROLLED_BACK = "rolled_back", "rolled back"


class Kind(models.TextChoices):
    """What an import did to one facility or source, in the order in which reports show it."""

    ADDED = "added", "added"
    RENAMED = "renamed", "renamed"
    MOVED = "moved", "moved"
    CHANGED = "changed", "changed"
    RETIRED = "retired", "retired"
    RETURNED = "returned", "returned"
    MERGED = "merged", "merged"
    KEPT = "kept", "kept, staff edited"
    RELISTED = "relisted", "listed under another id"


class DirectoryImport(models.Model):
    """One edition of a directory brought into the catalogue, or refused."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="imports")
    origin = models.CharField("file or URL", max_length=500)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField("bytes", default=0)
    format = models.CharField(max_length=100, blank=True)
    environment = models.CharField(max_length=10, choices=Environment)
    vendor = models.CharField(max_length=50, null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    by = models.CharField("started by", max_length=150)
    status = models.CharField(max_length=20, choices=Status)
    counts = models.JSONField(default=dict, help_text="Kind of change to number, for facilities and sources.")
    refusals = models.JSONField(default=dict, help_text="Reason to number and examples.")
    reason = models.TextField(blank=True, help_text="Why it was refused, or what rolling it back left as it is.")

    class Meta:
        verbose_name = "import"
        indexes = [models.Index(fields=["directory", "-id"], name="sources_import_latest")]

    def __str__(self) -> str:
        return f"{self.directory} of {self.started_at:%d %b %Y}"

    @property
    def summary(self) -> str:
        """One sentence on what it did."""
        told = []
        for what in ("facilities", "sources"):
            counts = self.counts.get(what, {})
            kinds = ", ".join(f"{counts[kind.value]} {kind.label}" for kind in Kind if kind.value in counts)
            told += [f"{what}: {kinds}"] if kinds else []
        return f"{'; '.join(told).capitalize()}." if told else "Nothing new."


class ImportChange(models.Model):
    """What an import did to one row. The ids are plain columns: they outlive the rows."""

    # A database sequence, so that changes sort as they happened.
    directory_import = models.ForeignKey(DirectoryImport, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=10, choices=Kind)
    facility_id = models.BigIntegerField(null=True, blank=True)
    source_id = models.CharField(max_length=32, null=True, blank=True)
    name = models.CharField(max_length=300)
    before = models.JSONField(default=dict, help_text="The changed fields only.")
    after = models.JSONField(default=dict, help_text="The changed fields only.")

    class Meta:
        indexes = [
            models.Index(fields=["facility_id"], name="sources_change_of_facility"),
            models.Index(fields=["source_id"], name="sources_change_of_source"),
        ]
