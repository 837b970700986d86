"""Patients, as the app names them, and their connections to sources."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone

from common.encryption import EncryptedTextField
from common.ids import new_ulid
from organizations.models import Organization
from patients.references import MAX_LENGTH
from sources.models import ClientRegistration, Source


class Patient(models.Model):
    """A person in a workspace, under the id that the app gave."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="patients")
    reference = models.CharField(max_length=MAX_LENGTH, help_text="The app's own id: `patient_id` in the API.")
    email = models.CharField(max_length=254, null=True, blank=True)
    name = models.CharField(max_length=200, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "reference"], name="patients_patient_reference_unique"),
            models.CheckConstraint(condition=~Q(reference=""), name="patients_patient_reference_not_empty"),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="patients_patient_newest"),
            models.Index(fields=["organization", "email", "-created_at", "-id"], name="patients_patient_by_email"),
            # Staff search all workspaces by the beginning of a reference or, in any case, of an email.
            models.Index(fields=["reference"], opclasses=["varchar_pattern_ops"], name="patients_patient_by_reference"),
            models.Index(
                OpClass(Upper("email"), name="text_pattern_ops"),
                condition=Q(email__isnull=False),
                name="patients_patient_any_email",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def active_source_ids(self) -> set[str]:
        """The sources that the patient is connected to now."""
        return set(self.connections.filter(status=ConnectionStatus.ACTIVE).values_list("source_id", flat=True))


class ConnectionStatus(models.TextChoices):
    ACTIVE = "active"
    FAILED = "failed"
    EXPIRED = "expired"
    REFRESH_FAILED = "refresh_failed", "Not renewed any more"
    DISCONNECTED = "disconnected"


class FailureCode(models.TextChoices):
    """Why a connection is not there (contract §5). Labels are for staff's lists."""

    USER_DENIED = "user_denied", "The patient said no"
    OAUTH_CALLBACK_FAILED = "oauth_callback_failed", "The portal reported an error"
    OAUTH_STATE_EXPIRED = "oauth_state_expired", "The patient came back too late"
    TOKEN_EXCHANGE_FAILED = "token_exchange_failed", "The portal refused the code"
    INVALID_TOKEN_RESPONSE = "invalid_token_response", "Unusable token answer"
    PORTAL_UNREACHABLE = "portal_unreachable", "The portal did not answer"
    DISCOVERY_FAILED = "discovery_failed", "No usable way to sign in"
    MISSING_PATIENT_CONTEXT = "missing_patient_context", "No patient was named"
    REFRESH_REJECTED = "refresh_rejected", "The portal ended the renewals"


class Connection(models.Model):
    """A patient's access to one chart at a source, or the record of an attempt that failed.

    Signing in again for the same chart renews the row and keeps its id; a carer who opens another
    person's chart makes another row (docs/adr/0015). A failed attempt is a row of its own, without tokens.
    """

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="connections")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="connections")
    registration = models.ForeignKey(
        ClientRegistration,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="connections",
        help_text="Who we were when the tokens were made: they are good for that client only.",
    )
    flow_id = models.CharField(max_length=26, editable=False, help_text="ULID of the flow that made or renewed it.")
    status = models.CharField(max_length=20, choices=ConnectionStatus)
    failure_code = models.CharField(max_length=40, choices=FailureCode, null=True, blank=True)
    failure_at = models.DateTimeField(null=True, blank=True)
    scopes = ArrayField(models.TextField(), default=list, blank=True, help_text="As granted.")
    access_token = EncryptedTextField(null=True, blank=True, editable=False)
    refresh_token = EncryptedTextField(null=True, blank=True, editable=False)
    access_obtained_at = models.DateTimeField(null=True, blank=True, editable=False)
    access_expires_at = models.DateTimeField(null=True, blank=True)
    consent_expires_at = models.DateTimeField(null=True, blank=True)
    token_version = models.PositiveIntegerField(default=0, editable=False, help_text="Raised with every new token.")
    spending_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Set: the refresh token of this version is being spent."
    )
    refresh_failures = models.PositiveSmallIntegerField(default=0, editable=False, help_text="In a row.")
    refresh_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When to renew access even if nobody needs it."
    )
    fhir_patient_id = models.CharField(max_length=256, null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True, help_text="When the patient last signed in.")
    last_synced_at = models.DateTimeField(null=True, blank=True, help_text="When records were last brought here.")
    records_count = models.PositiveIntegerField(default=0, help_text="Resources that this connection brought.")
    pull_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When records are pulled again by themselves."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "source", "fhir_patient_id"],
                condition=~Q(status="failed"),
                nulls_distinct=False,
                name="patients_connection_one_per_chart",
            ),
            models.CheckConstraint(
                condition=~Q(status="failed")
                | Q(access_token=None, refresh_token=None, failure_code__isnull=False, failure_at__isnull=False),
                name="patients_connection_failed_has_code_and_no_tokens",
            ),
            models.CheckConstraint(
                condition=~Q(status="active")
                | Q(access_token__isnull=False, fhir_patient_id__isnull=False, failure_code=None),
                name="patients_connection_active_has_access",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "-created_at", "-id"], name="patients_connection_newest"),
            models.Index(fields=["flow_id"], name="patients_connection_by_flow"),
            models.Index(
                fields=["refresh_due_at"],
                condition=Q(status="active", refresh_due_at__isnull=False),
                name="patients_connection_by_refresh",
            ),
            models.Index(
                fields=["pull_due_at"],
                condition=Q(status="active", pull_due_at__isnull=False),
                name="patients_connection_by_pull",
            ),
            # Staff look for what went wrong; most rows did not.
            models.Index(fields=["status", "-id"], condition=~Q(status="active"), name="patients_connection_by_status"),
            models.Index(
                fields=["failure_code", "-id"],
                condition=Q(failure_code__isnull=False),
                name="patients_connection_by_failure",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient} at {self.source}"

    @property
    def can_refresh(self) -> bool:
        return bool(self.refresh_token)

    @property
    def can_be_disconnected(self) -> bool:
        """Whether there is or was access: an attempt that failed never had any."""
        return self.status not in (ConnectionStatus.FAILED, ConnectionStatus.DISCONNECTED)


class RenewalOutcome(models.TextChoices):
    RENEWED = "renewed", "renewed"
    REJECTED = "rejected", "rejected: the portal ended the access"
    REFUSED = "refused", "refused: the portal did not accept the request"
    UNREACHABLE = "unreachable", "the portal did not answer"
    INTERRUPTED = "interrupted", "interrupted: nobody knows whether the portal answered"
    ENDED = "ended", "ended: there was nothing to renew it with"


class Renewal(models.Model):
    """One line of the trail of a connection's access, for staff. Append-only."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="renewals")
    outcome = models.CharField(max_length=20, choices=RenewalOutcome)
    portal_code = models.CharField(max_length=100, blank=True, help_text="The portal's own code.")
    portal_description = models.CharField(max_length=500, blank=True, help_text="The portal's own words.")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["at"], name="patients_renewal_by_age")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.outcome}"


class Revocation(models.Model):
    """Access that a portal is still to take back (RFC 7009). It does not say whose it was.

    The row goes away once the portal has done so. One that was given up stays for staff to see, without the tokens.
    """

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="revocations")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="revocations")
    registration = models.ForeignKey(
        ClientRegistration, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    refresh_token = EncryptedTextField(null=True, blank=True, editable=False)
    access_token = EncryptedTextField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, help_text="Ours; never the portal's own words.")
    given_up_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(given_up_at=None, next_attempt_at__isnull=False)
                | Q(given_up_at__isnull=False, next_attempt_at=None, refresh_token=None, access_token=None),
                name="patients_revocation_waits_or_keeps_no_tokens",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(given_up_at=None), name="patients_revocation_by_attempt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}, {self.created_at:%Y-%m-%d %H:%M}"
