"""Sign-ins at portals, and their trail."""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Q

from common.encryption import EncryptedTextField
from common.ids import new_ulid
from flows import links
from flows.models.flow import PatientFlow
from patients.models import Connection, ConnectionStatus, FailureCode
from sources.models import ClientRegistration, Facility, Source

STATE_LIFETIME = timedelta(minutes=15)
# Longer than the deadline of an exchange (common/outbound), so that none is given up while it runs.
EXCHANGE_LIMIT = timedelta(minutes=2)


class Outcome(models.TextChoices):
    """How a sign-in ended. All but the first three are also failure codes of its connection."""

    PENDING = "pending"
    CONNECTED = "connected"
    ABANDONED = "abandoned"
    USER_DENIED = FailureCode.USER_DENIED.value, FailureCode.USER_DENIED.label
    OAUTH_CALLBACK_FAILED = FailureCode.OAUTH_CALLBACK_FAILED.value, FailureCode.OAUTH_CALLBACK_FAILED.label
    OAUTH_STATE_EXPIRED = FailureCode.OAUTH_STATE_EXPIRED.value, FailureCode.OAUTH_STATE_EXPIRED.label
    TOKEN_EXCHANGE_FAILED = FailureCode.TOKEN_EXCHANGE_FAILED.value, FailureCode.TOKEN_EXCHANGE_FAILED.label
    INVALID_TOKEN_RESPONSE = FailureCode.INVALID_TOKEN_RESPONSE.value, FailureCode.INVALID_TOKEN_RESPONSE.label
    PORTAL_UNREACHABLE = FailureCode.PORTAL_UNREACHABLE.value, FailureCode.PORTAL_UNREACHABLE.label
    DISCOVERY_FAILED = FailureCode.DISCOVERY_FAILED.value, FailureCode.DISCOVERY_FAILED.label
    MISSING_PATIENT_CONTEXT = FailureCode.MISSING_PATIENT_CONTEXT.value, FailureCode.MISSING_PATIENT_CONTEXT.label


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

    def charts_of_each_source(self) -> dict[str, int]:
        """How many charts these sign-ins connected that are connected now, by source. A parent has several."""
        held = self.filter(outcome=Outcome.CONNECTED, connection__status=ConnectionStatus.ACTIVE)
        counted = held.values("source_id").annotate(charts=Count("connection", distinct=True))
        return {row["source_id"]: row["charts"] for row in counted}

    def begun_in(self, browser: str) -> "AuthorizationQuerySet":
        """The sign-ins of the browser with this secret."""
        return self.filter(browser_digest=links.digest(browser))

    def returned_from_lately(self, now: datetime) -> "AuthorizationQuerySet":
        """Sign-ins that were come back from within a state's lifetime."""
        return self.filter(redeemed_at__gt=now - STATE_LIFETIME)

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
        """Sign-ins that nobody came back from, oldest first."""
        waiting = self.filter(outcome=Outcome.PENDING, redeemed_at=None, expires_at__lte=now)
        return waiting.order_by("expires_at")

    def interrupted(self, now: datetime) -> "AuthorizationQuerySet":
        """Sign-ins whose exchange was begun and never ended, oldest first: a process died in between."""
        return self.filter(outcome=Outcome.PENDING, redeemed_at__lte=now - EXCHANGE_LIMIT).order_by("expires_at")


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
