"""Portals that speak SMART on FHIR."""

from collections.abc import Sequence

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from common.outbound import Reach
from common.statements import Statement, among
from organizations.models import Environment, Organization
from sources.models.directory import Directory
from sources.models.registration import ClientRegistration


class SourceQuerySet(models.QuerySet["Source"]):
    def visible_to(self, organization: Organization) -> "SourceQuerySet":
        """Sources of the workspace's environment that are shared or its own, and still listed somewhere."""
        shared_or_own = Q(organization=None) | Q(organization=organization)
        return self.filter(shared_or_own, environment=organization.environment, retired_at=None)

    def offered_to(self, organization: Organization) -> "SourceQuerySet":
        """Visible sources where this workspace can sign patients in: a client registration is ready."""
        ready = ClientRegistration.objects.usable_by(organization).filter(
            Q(source=OuterRef("pk")) | Q(vendor=OuterRef("type"))
        )
        return self.visible_to(organization).filter(Exists(ready))

    def offered_of(self, ids: Sequence[str], organization: Organization) -> "list[Source]":
        """Those of these sources that are offered to the workspace, as `offered_to` says it. One query."""
        environment, owner = organization.environment, organization.pk
        return [source for (source,) in _OFFERED.rows(list(ids), environment, owner, environment, owner)]


class Source(models.Model):
    """A FHIR server with its portal: where a patient signs in and where records come from.

    `described_by` is the directory whose values it has; without one it is the staff's own, and imports leave it be.
    `directory_values` has what that directory says of the fields that staff edited.
    """

    id = models.CharField(max_length=32, primary_key=True, editable=False)
    name = models.CharField(max_length=300)
    type = models.CharField(max_length=50, null=True, blank=True, help_text="Vendor: epic, cerner, athena, …")
    fhir_base_url = models.CharField(
        max_length=500,
        unique=True,
        help_text="As it is compared: no capitals in the host, no port that goes without saying, no slash at the end.",
    )
    portal_url = models.URLField(max_length=500, null=True, blank=True)
    logo_url = models.URLField(max_length=500, null=True, blank=True)
    environment = models.CharField(max_length=10, choices=Environment)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="private_sources",
        help_text="Set: only this workspace sees the source.",
    )
    described_by = models.ForeignKey(
        Directory, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="described_sources"
    )
    directory_values = models.JSONField(default=dict, editable=False)
    retired_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Set: no directory lists it any more; patients do not see it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values), name="sources_source_environment_known"
            )
        ]
        indexes = [models.Index(F("name"), F("id"), name="sources_source_by_name")]

    def __str__(self) -> str:
        return self.name

    def is_visible_to(self, organization: Organization) -> bool:
        """What SourceQuerySet.visible_to asks the database, for a row at hand."""
        is_shared_or_own = self.organization_id in (None, organization.id)
        return is_shared_or_own and self.environment == organization.environment and self.retired_at is None

    @property
    def reach(self) -> Reach:
        """Where our requests for this source may go: only a sandbox source may be on this machine."""
        return Reach.LOCAL if self.environment == Environment.SANDBOX else Reach.PUBLIC


# Every flow that names its sources begins with it.
_OFFERED = Statement(
    f"SELECT {{columns}} FROM {{source}} WHERE source.id = {among('text')}"  # noqa: S608  no value is in it
    " AND source.retired_at IS NULL AND source.environment = %s"
    " AND (source.organization_id IS NULL OR source.organization_id = %s) AND EXISTS ("
    "SELECT FROM sources_clientregistration ready WHERE ready.environment = %s AND ready.is_ready"
    " AND (ready.organization_id IS NULL OR ready.organization_id = %s)"
    " AND (ready.source_id = source.id OR ready.vendor = source.type))",
    source=(Source, None),
)
