"""What an app can be told of, as it happened."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Func, Q, Value

from common import versions
from common.encryption import EncryptedTextField
from common.ids import ULID_LENGTH, first_ulid_at, is_ulid, new_ulid
from organizations.models import Organization
from webhooks.events import EventType

PREFIX = "evt_"


class EventQuerySet(models.QuerySet["Event"]):
    def with_public_id(self, public_id: str) -> "Event | None":
        ulid = public_id.removeprefix(PREFIX)
        return self.filter(pk=ulid).first() if ulid != public_id and is_ulid(ulid) else None

    def about_patient(self, organization_id: str, patient_id: str) -> "EventQuerySet":
        return self.filter(organization_id=organization_id, patient_id=patient_id)

    def written_before(self, moment: datetime) -> "EventQuerySet":
        return self.filter(pk__lt=first_ulid_at(moment))


class Event(models.Model):
    """A fact, with what is told of it. Append-only: what an app reads of an event never changes.

    Its id is of the moment at which it was written, `place` where it is in the feed. Places are given in the order of
    writing, and events appear when their transactions end: `webhooks/settling.py` says up to where no more can come.
    """

    id = models.CharField(max_length=ULID_LENGTH, primary_key=True, default=new_ulid, editable=False)
    # Its index is below, together with the id.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="events", db_index=False)
    type = models.CharField(max_length=40, choices=[(name.value, name.value) for name in EventType])
    object = models.JSONField(help_text="`data.object` of the event, as the API wrote it at that moment.")
    # The token in it opens the patient's pages: it is kept as tokens are, and put back where an app reads the event.
    link = EncryptedTextField(null=True, blank=True, editable=False, help_text="`url` of `object`, where it is a flow.")
    api_version = models.CharField(
        max_length=10, default=versions.current, help_text="The version of the API that `object` is written in."
    )
    # No foreign key: patients are above this app. What is about no patient, or outlives them, has none.
    patient_id = models.CharField(
        max_length=ULID_LENGTH, null=True, blank=True, help_text="Our own id of the patient it is about."
    )
    created_at = models.DateTimeField(help_text="When it happened.")
    # No index of its own: PostgreSQL would walk through everybody's events to find the newest of one workspace.
    place = models.BigIntegerField(db_default=Func(Value("webhooks_event_place"), function="nextval"), editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(type__in=[name.value for name in EventType]), name="webhooks_event_type_known"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-place"], name="webhooks_event_feed"),
            models.Index(fields=["organization", "type", "-place"], name="webhooks_event_feed_of_type"),
            models.Index(fields=["organization", "created_at"], name="webhooks_event_since"),
            # Staff look at all workspaces, or at one.
            models.Index(fields=["organization", "-id"], name="webhooks_event_newest"),
            models.Index(fields=["type", "-id"], name="webhooks_event_by_type"),
            models.Index(
                fields=["patient_id"], condition=Q(patient_id__isnull=False), name="webhooks_event_by_patient"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def full_object(self) -> dict[str, Any]:
        """`data.object` in full."""
        full: dict[str, Any] = dict(self.object)
        return full | {"url": self.link} if self.link else full

    @property
    def public_id(self) -> str:
        return f"{PREFIX}{self.pk}"
