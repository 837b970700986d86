"""Events on their way to one endpoint."""

import json
from typing import Any

from django.db import models
from django.db.models import Q

from common.encryption import EncryptedTextField
from common.ids import ULID_LENGTH, is_ulid, new_ulid
from webhooks.events import EventType
from webhooks.models.endpoint import Endpoint
from webhooks.models.event import PREFIX, Event


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def with_public_id(self, public_id: str) -> "Delivery | None":
        ulid = public_id.removeprefix(PREFIX)
        rows = self.select_related("endpoint")
        return rows.filter(pk=ulid).first() if ulid != public_id and is_ulid(ulid) else None


class Delivery(models.Model):
    """One fact for one endpoint: what the contract calls an event record (contract §9).

    It is its own job: what is due is found by `next_attempt_at` (webhooks/claiming.py). It has none where there is
    nothing to do: it was delivered, the attempts are used up, or the endpoint was disabled when it happened.
    """

    # Public, with `evt_`: attempts and redeliveries have the same.
    id = models.CharField(max_length=ULID_LENGTH, primary_key=True, default=new_ulid, editable=False)
    # Its indexes are below.
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(
        Event,
        on_delete=models.CASCADE,
        related_name="deliveries",
        null=True,
        blank=True,
        help_text="The fact in the feed. None for a test, which tells of nothing that happened.",
    )
    type = models.CharField(max_length=40, choices=[(name.value, name.value) for name in EventType])
    body = EncryptedTextField(editable=False, help_text="The bytes of every attempt. A flow's link may be in them.")
    attempts = models.PositiveIntegerField(default=0, help_text="Those whose outcome is known.")
    failures = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="Attempts that failed since it happened, or since somebody asked for it again.",
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text="A worker is at it. After this moment it is believed dead."
    )
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    last_problem = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Why the last attempt failed, in a sentence."
    )
    last_response_body = models.TextField(null=True, blank=True, help_text="The first 4 KB of the last answer.")
    last_redelivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(help_text="When it happened.")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="webhooks_delivery_one_per_endpoint_and_fact"),
        ]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_newest"),
            models.Index(
                fields=["endpoint", "-id"],
                condition=Q(delivered_at__isnull=True),
                name="webhooks_delivery_undelivered",
            ),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="webhooks_delivery_due",
            ),
            models.Index(
                fields=["endpoint", "claimed_until"],
                condition=Q(claimed_until__isnull=False),
                name="webhooks_delivery_claimed",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return f"{PREFIX}{self.pk}"

    @property
    def content(self) -> dict[str, Any]:
        """What its body says."""
        said: dict[str, Any] = json.loads(self.body)
        return said


class Outcome(models.TextChoices):
    """What came of an attempt."""

    OPEN = "open", "under way"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "failed"
    UNKNOWN = "unknown", "not known: the worker ended before it was noted"


class Attempt(models.Model):
    """One request to an endpoint. It is written before it is sent, so that none is without a trace."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    # Its delivery's; its index is below.
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="+", db_index=False)
    started_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, help_text="Why there was no answer, or none that counts.")
    response_body = models.TextField(blank=True, help_text="The first 4 KB of the answer.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="webhooks_attempt_outcome_known"),
        ]
        indexes = [
            models.Index(fields=["endpoint", "started_at"], name="webhooks_attempt_of_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} at {self.started_at:%Y-%m-%d %H:%M:%S}"
