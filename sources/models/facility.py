"""The places patients look for, and their ways to sources."""

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import F

from sources.models.directory import Directory
from sources.models.source import Source


class FacilityQuerySet(models.QuerySet["Facility"]):
    def chosen(self, pk: int) -> None:
        """Count that a patient connected by this facility. The search learns of it when its index is made next.

        A row that an import holds at this moment is passed over: nobody waits to be counted.
        """
        free = self.model._default_manager.filter(pk=pk).select_for_update(skip_locked=True)
        with transaction.atomic():
            self.filter(pk__in=free.values("pk")).update(times_chosen=F("times_chosen") + 1)


class Facility(models.Model):
    """What a patient searches for: a hospital, clinic or payer, and the sources that hold its records.

    `described_by` is the directory whose values it has; without one it is the staff's own, and imports leave it be.
    `directory_values` has what that directory says of the fields that staff edited.
    """

    name = models.CharField(max_length=300)
    aliases = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    brand = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="facilities")
    sources = models.ManyToManyField(Source, through="sources.Portal", related_name="facilities")
    address_line = models.CharField(max_length=300, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=100, blank=True)
    places = ArrayField(
        models.CharField(max_length=202),
        default=list,
        blank=True,
        help_text="Towns or states of a brand that has several addresses; such a brand has no address here.",
    )
    website = models.CharField(max_length=300, blank=True, help_text="Host name, without www.")
    phone = models.CharField(max_length=50, blank=True)
    npis = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name="NPIs")
    made_for = models.OneToOneField(
        Source,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="own_facility",
        help_text="The source that it was made with by hand, as what patients find it by.",
    )
    times_chosen = models.PositiveIntegerField(default=0, editable=False)
    described_by = models.ForeignKey(
        Directory, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="described_facilities"
    )
    directory_values = models.JSONField(default=dict, editable=False)
    retired_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Set: no directory lists it any more; patients do not see it."
    )

    objects = FacilityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "facilities"

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> str:
        """City and state, as far as known: "Oakland, CA"."""
        return ", ".join(part for part in (self.city, self.state) if part)


class Portal(models.Model):
    """A facility's way to one source, in the words of the directory. Empty: the source says it itself."""

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="portals")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="portals")
    name = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True, max_length=2000)
    url = models.URLField(max_length=500, null=True, blank=True)
    logo_url = models.URLField(max_length=500, null=True, blank=True)
    is_offered: bool
    """Set by `sources/search.py`: whether the workspace that searches can sign patients in there."""

    class Meta:
        # The table that Facility.sources had from the beginning.
        db_table = "sources_facility_sources"
        constraints = [models.UniqueConstraint(fields=["facility", "source"], name="sources_portal_one_per_source")]

    def __str__(self) -> str:
        return self.name or str(self.source)
