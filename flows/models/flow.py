"""The journey of a patient."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from common.ids import new_ulid
from flows import links
from flows.dialects import DIALECTS, PATIENT_SESSION, Dialect
from organizations.models import Organization
from patients.models import Connection, Patient
from sources.models import Source, SourceQuerySet

MAX_RECOMMENDED = 20


class FlowStatus(models.TextChoices):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class PatientFlowQuerySet(models.QuerySet["PatientFlow"]):
    def with_token(self, token: str) -> "PatientFlow | None":
        """The flow a link belongs to, whatever its state, with its workspace and patient."""
        if not links.is_token(token):
            return None
        found = self.select_related("organization", "patient", "source").filter(link_digest=links.digest(token))
        return found.first()

    def complete(self, flow: "PatientFlow", now: datetime) -> bool:
        """Complete an open flow. False where it was closed already, or its time is over."""
        still_open = self.filter(pk=flow.pk, status=FlowStatus.OPEN, expires_at__gt=now)
        return bool(still_open.update(status=FlowStatus.COMPLETE, completed_at=now))

    def expire_lapsed(self, now: datetime) -> int:
        """Mark the open flows whose time is over; their number."""
        return self.filter(status=FlowStatus.OPEN, expires_at__lte=now).update(status=FlowStatus.EXPIRED)


class PatientFlow(models.Model):
    """The journey of one patient through the browser, from the app and back to it."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="flows")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="flows")
    dialect_name = models.CharField(max_length=20, choices=[(name, name) for name in DIALECTS])
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Set: direct mode."
    )
    recommended_source_ids = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    return_url = models.TextField()
    return_button_label = models.CharField(max_length=60, null=True, blank=True)
    status = models.CharField(max_length=10, choices=FlowStatus, default=FlowStatus.OPEN)
    metadata = models.JSONField(default=dict, blank=True)
    link_digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PatientFlowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="complete") ^ Q(completed_at=None), name="flows_flow_complete_has_time"
            ),
            models.CheckConstraint(
                condition=Q(source=None) | Q(recommended_source_ids=[]), name="flows_flow_direct_or_recommended"
            ),
            models.CheckConstraint(condition=Q(dialect_name__in=list(DIALECTS)), name="flows_flow_dialect_known"),
        ]
        indexes = [
            models.Index(fields=["patient", "-created_at", "-id"], name="flows_flow_newest"),
            models.Index(fields=["expires_at"], condition=Q(status="open"), name="flows_flow_open_by_expiry"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.dialect_name]

    @property
    def public_id(self) -> str:
        return self.dialect.public_id(self.id)

    @property
    def session_id(self) -> str:
        """The id that every return URL carries, whatever dialect made the flow."""
        return PATIENT_SESSION.public_id(self.id)

    @property
    def url(self) -> str:
        """The patient's link. Whoever has it can act for the patient until it closes."""
        return f"{settings.BASE_URL}/c/{links.token_with_digest(self.id, self.link_digest)}"

    @property
    def is_direct(self) -> bool:
        return self.source_id is not None

    def status_at(self, now: datetime) -> str:
        """The status as of `now`: a lapsed flow reads expired before any sweep touched it."""
        if self.status == FlowStatus.OPEN and self.expires_at <= now:
            return FlowStatus.EXPIRED
        return self.status

    def is_open(self, now: datetime) -> bool:
        return self.status_at(now) == FlowStatus.OPEN

    def connections(self) -> models.QuerySet[Connection]:
        """What came of the flow's sign-ins, failed attempts included, newest first."""
        made_here = self.authorizations.exclude(connection=None).values("connection")
        rows = Connection.objects.filter(pk__in=made_here).select_related("source")
        return rows.defer("access_token", "refresh_token").order_by("-created_at", "-id")

    def sources_used_before(self) -> SourceQuerySet:
        """What the patient signed in to or tried to, in any flow, and may again; each once, the latest first."""
        used = Source.objects.offered_to(self.organization).filter(connections__patient=self.patient)
        last = Max(Coalesce("connections__connected_at", "connections__created_at"))
        return used.annotate(last_used_at=last).order_by("-last_used_at", "id")
