"""Directories: lists of facilities and sources that somebody publishes, and what each of them lists."""

import hashlib

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from organizations.models import Environment


class Rank(models.IntegerChoices):
    """How well a directory describes what it lists: where several list the same, the highest is believed."""

    UNKNOWN = 0, "not known"
    LIST = 1, "a plain list"
    BUNDLE = 2, "brands with their places"


class Directory(models.Model):
    """One published list, through all of its editions. Imports of the same directory follow each other."""

    name = models.CharField(max_length=500)
    environment = models.CharField(max_length=10, choices=Environment)
    vendor = models.CharField(
        max_length=50, null=True, blank=True, help_text="The type of its sources: epic, cerner, …"
    )
    url = models.URLField(max_length=500, null=True, blank=True, help_text="Empty: it came from files so far.")
    rank = models.PositiveSmallIntegerField(choices=Rank, default=Rank.UNKNOWN)
    # What the publisher and we know the last edition by; empty asks for it in full the next time.
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    is_watched = models.BooleanField("imported every week", default=False)
    last_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_result = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "directories"
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="sources_directory_one_per_name"),
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values), name="sources_directory_environment_known"
            ),
            models.CheckConstraint(
                condition=Q(is_watched=False) | Q(url__isnull=False), name="sources_directory_watched_has_url"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def key(self, identity: str) -> str:
        """What an entry of this identity is found by in the next edition."""
        return hashlib.sha256(f"{self.environment}:{identity}".encode("utf-8", "surrogatepass")).hexdigest()


class DirectoryEntry(models.Model):
    """That a directory lists a facility, and at which sources."""

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="entries")
    facility = models.ForeignKey("sources.Facility", on_delete=models.CASCADE, related_name="entries")
    key = models.CharField(max_length=64)
    source_ids = ArrayField(models.CharField(max_length=32), default=list)

    class Meta:
        verbose_name_plural = "directory entries"
        constraints = [models.UniqueConstraint(fields=["directory", "key"], name="sources_entry_one_per_key")]

    def __str__(self) -> str:
        return f"{self.facility} in {self.directory}"
