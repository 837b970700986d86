"""Flows, and the sign-ins at portals that belong to them."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from common.encryption import EncryptedTextField
from common.ids import new_ulid
from flows import links
from flows.dialects import DIALECTS, PATIENT_SESSION, Dialect
from organizations.models import Organization
from patients.models import Connection, Patient
from sources.models import ClientRegistration, Facility, Source

MAX_RECOMMENDED = 20
STATE_LIFETIME = timedelta(minutes=15)
# Longer than the deadline of an exchange (common/outbound), so that none is given up while it runs.
EXCHANGE_LIMIT = timedelta(minutes=2)


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


class Outcome(models.TextChoices):
    """How a sign-in ended. All but the first three are also failure codes of its connection."""

    PENDING = "pending"
    CONNECTED = "connected"
    ABANDONED = "abandoned"
    USER_DENIED = "user_denied"
    OAUTH_CALLBACK_FAILED = "oauth_callback_failed"
    OAUTH_STATE_EXPIRED = "oauth_state_expired"
    TOKEN_EXCHANGE_FAILED = "token_exchange_failed"  # noqa: S105  not a password
    INVALID_TOKEN_RESPONSE = "invalid_token_response"  # noqa: S105  not a password
    PORTAL_UNREACHABLE = "portal_unreachable"
    DISCOVERY_FAILED = "discovery_failed"
    MISSING_PATIENT_CONTEXT = "missing_patient_context"


class AuthorizationQuerySet(models.QuerySet["Authorization"]):
    def with_state(self, state: str) -> "Authorization | None":
        related = self.select_related("flow__organization", "flow__patient", "flow__source", "source", "registration")
        return related.filter(state_digest=links.digest(state)).first()

    def latest_of_each_source(self) -> "list[Authorization]":
        """The latest sign-in at each source that was come back from or could not begin; newest first."""
        newest_first = self.select_related("source", "facility").order_by("-created_at")
        latest: dict[str, Authorization] = {}
        for authorization in newest_first:
            if authorization.was_returned_from or authorization.has_failed:
                latest.setdefault(authorization.source_id, authorization)
        return list(latest.values())

    def finished_lately_by(self, browser: str, now: datetime) -> "AuthorizationQuerySet":
        """Sign-ins of this browser that were come back from within a state's lifetime."""
        return self.filter(browser_digest=links.digest(browser), redeemed_at__gt=now - STATE_LIFETIME)

    def decisive(self) -> "Authorization | None":
        """What came of the sign-ins as a whole: the latest that connected, else the latest that failed."""
        ended = self.exclude(outcome__in=[Outcome.PENDING, Outcome.ABANDONED]).order_by("-finished_at")
        return ended.filter(outcome=Outcome.CONNECTED).first() or ended.first()

    def redeem(self, authorization: "Authorization", now: datetime) -> bool:
        """Use up the state. Each works once: the number of rows says who won."""
        won = bool(self.filter(pk=authorization.pk, redeemed_at=None).update(redeemed_at=now))
        if won:
            authorization.redeemed_at = now
        return won

    def abandoned(self, now: datetime) -> "AuthorizationQuerySet":
        """Sign-ins that nobody came back from."""
        return self.filter(outcome=Outcome.PENDING, redeemed_at=None, expires_at__lte=now)

    def interrupted(self, now: datetime) -> "AuthorizationQuerySet":
        """Sign-ins whose exchange was begun and never ended: a process died in between."""
        return self.filter(outcome=Outcome.PENDING, redeemed_at__lte=now - EXCHANGE_LIMIT)


class Authorization(models.Model):
    """One trip to a portal: what we need to recognise the patient who comes back, and what came of it."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    flow = models.ForeignKey(PatientFlow, on_delete=models.CASCADE, related_name="authorizations")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="authorizations")
    facility = models.ForeignKey(
        Facility,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="What the patient chose.",
    )
    registration = models.ForeignKey(ClientRegistration, on_delete=models.SET_NULL, null=True, related_name="+")
    connection = models.ForeignKey(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="authorizations"
    )
    state_digest = models.CharField(max_length=64, unique=True, editable=False)
    browser_digest = models.CharField(max_length=64, editable=False)
    verifier = EncryptedTextField(blank=True, default="", editable=False)
    asked_scopes = ArrayField(models.TextField(), default=list, blank=True)
    token_endpoint = models.TextField(blank=True, help_text="As discovered when the patient left.")
    issuer = models.TextField(blank=True)
    expects_iss = models.BooleanField(default=False)
    outcome = models.CharField(max_length=40, choices=Outcome, default=Outcome.PENDING)
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuthorizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="pending") ^ Q(finished_at__isnull=False),
                name="flows_authorization_finished_has_time",
            ),
            models.CheckConstraint(
                condition=Q(outcome="pending") | Q(verifier=""), name="flows_authorization_finished_keeps_no_verifier"
            ),
        ]
        indexes = [
            models.Index(fields=["flow", "-created_at"], name="flows_authorization_newest"),
            models.Index(fields=["expires_at"], condition=Q(outcome="pending"), name="flows_authorization_pending"),
            # Staff look for what went wrong; most sign-ins did not.
            models.Index(
                fields=["outcome", "-id"],
                condition=~Q(outcome="pending") & ~Q(outcome="connected") & ~Q(outcome="abandoned"),
                name="flows_authorization_by_failure",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.outcome}"

    @property
    def is_pending(self) -> bool:
        return self.outcome == Outcome.PENDING

    @property
    def has_succeeded(self) -> bool:
        return self.outcome == Outcome.CONNECTED

    @property
    def has_failed(self) -> bool:
        return self.outcome not in (Outcome.PENDING, Outcome.CONNECTED, Outcome.ABANDONED)

    @property
    def was_returned_from(self) -> bool:
        return self.redeemed_at is not None


class EventKind(models.TextChoices):
    STARTED = "started", "the patient chose the source"
    REDIRECTED = "redirected", "sent to the portal"
    RETURNED = "returned", "came back from the portal"
    REFUSED = "refused", "a return was not accepted"
    EXCHANGED = "exchanged", "the code was exchanged for tokens"
    CONNECTED = "connected", "connected"
    DENIED = "denied", "the patient said no"
    FAILED = "failed", "failed"
    ABANDONED = "abandoned", "nobody came back"


class AuthorizationEvent(models.Model):
    """One line of the trail that staff read. Append-only."""

    authorization = models.ForeignKey(Authorization, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20, choices=EventKind)
    code = models.CharField(max_length=40, blank=True, help_text="Our stable code.")
    portal_code = models.CharField(max_length=100, blank=True, help_text="The portal's own code.")
    portal_description = models.CharField(max_length=500, blank=True, help_text="The portal's own words.")
    request_id = models.CharField(max_length=36, blank=True, help_text="Finds the request in the logs.")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["request_id"], condition=~Q(request_id=""), name="flows_event_by_request"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.get_kind_display()}"
