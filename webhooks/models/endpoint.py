"""Where a workspace wants to be told."""

from datetime import datetime
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from common import versions
from common.encryption import EncryptedTextField
from common.ids import ULID_LENGTH, is_ulid, new_ulid
from common.outbound import Reach
from organizations.models import Organization
from webhooks.addresses import reach_of

ALL = "*"
PREFIX = "wh_"


class EndpointStatus(models.TextChoices):
    ACTIVE = "active"
    DISABLED = "disabled"


class Disabled(models.TextChoices):
    """Why nothing is sent to an endpoint any more."""

    FAILED = "failed", "an event could not be delivered in nine attempts"
    GONE = "gone", "the receiver answered that it is gone (410)"
    ASKED = "asked", "somebody switched it off"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def without_secrets(self) -> "EndpointQuerySet":
        """For whoever signs nothing: works where the key that encrypted them was lost."""
        return self.defer("secret", "previous_secret")

    def with_public_id(self, public_id: str) -> "Endpoint | None":
        ulid = public_id.removeprefix(PREFIX)
        return self.filter(pk=ulid).first() if ulid != public_id and is_ulid(ulid) else None


class Endpoint(models.Model):
    """An address of an app's server, the events that it wants, and the secret that they are signed with.

    The version of the API that it is told in stays as it was when it was made (contract §9).
    """

    id = models.CharField(max_length=ULID_LENGTH, primary_key=True, default=new_ulid, editable=False)
    # Its index is below, together with the id.
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhook_endpoints", db_index=False
    )
    url = models.CharField(max_length=2000)
    events = ArrayField(models.CharField(max_length=40), help_text="Types of events, or * for all.")
    description = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=EndpointStatus, default=EndpointStatus.ACTIVE)
    api_version = models.CharField(max_length=10, default=versions.current)
    secret = EncryptedTextField(editable=False)
    previous_secret = EncryptedTextField(null=True, blank=True, editable=False)
    previous_secret_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then events are signed with the secret before this one, too."
    )
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="When the first attempt failed after which none succeeded."
    )
    told_of_failing_at = models.DateTimeField(
        null=True, blank=True, help_text="When the workspace was told that it has failed for a day."
    )
    is_quick = models.BooleanField(
        null=True, blank=True, help_text="Whether the last attempt took less than a second. Empty before the first."
    )
    last_replayed_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_because = models.CharField(max_length=10, choices=Disabled, blank=True)
    revived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=EndpointStatus.values), name="webhooks_endpoint_status_known"
            ),
            # Whoever switches it off says when and why; whoever switches it on again takes that away.
            models.CheckConstraint(
                condition=Q(status=EndpointStatus.ACTIVE, disabled_at=None, disabled_because="")
                | Q(status=EndpointStatus.DISABLED, disabled_at__isnull=False, disabled_because__in=Disabled.values),
                name="webhooks_endpoint_disabled_for_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="webhooks_endpoint_newest"),
            models.Index(fields=["failing_since"], condition=Q(failing_since__isnull=False), name="webhooks_failing"),
        ]

    def __str__(self) -> str:
        return f"{self.host} ({self.public_id})"

    @property
    def public_id(self) -> str:
        return f"{PREFIX}{self.pk}"

    @property
    def host(self) -> str:
        """Of its address, with a port if that is an unusual one. The rest may have an app's secrets in it."""
        return urlsplit(self.url).netloc

    @property
    def label(self) -> str:
        """What tells it from others, for staff."""
        return f"{self.host}: {self.description[:60]}" if self.description else self.host

    @property
    def is_active(self) -> bool:
        return self.status == EndpointStatus.ACTIVE

    @property
    def reach(self) -> Reach:
        """How far its requests go."""
        return reach_of(self.url)

    def secrets(self, now: datetime) -> list[str]:
        """The secrets that sign at a moment, the current one first."""
        overlaps = self.previous_secret and self.previous_secret_until and now < self.previous_secret_until
        return [self.secret, self.previous_secret] if overlaps and self.previous_secret else [self.secret]

    def wants(self, types: list[str]) -> str | None:
        """By which of the names of a fact it is told of it; None for not at all.

        The first of `types` is the fact's own name, which is what `*` gets. An endpoint that asked for other names of
        it only gets the first of those that it asked for.
        """
        if types[0] in self.events or ALL in self.events:
            return types[0]
        return next((name for name in self.events if name in types), None)
