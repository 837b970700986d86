"""Workspaces and their API keys."""

import hashlib
from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from common import versions
from common.encryption import EncryptedTextField
from common.ids import first_ulid_at, new_ulid
from common.statements import Statement, columns_but, relate
from organizations import branding, keys
from organizations.origins import validate_frame_ancestor, validate_return_origin
from organizations.scopes import all_scopes, validate_scope


class Environment(models.TextChoices):
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class UnavailableSources(models.TextChoices):
    """What patients see of places where nobody can sign in yet."""

    HIDDEN = "hidden", "hidden: patients do not find them"
    SHOWN = "shown", "shown as not available yet, to be asked for"


class Organization(models.Model):
    """A workspace: it owns keys, patients, flows and the look of its hosted pages."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    name = models.CharField(max_length=200, help_text="Patients read this on every page.")
    environment = models.CharField(
        max_length=10, choices=Environment, help_text="A sandbox workspace sees only sandbox sources. Cannot change."
    )
    accent_color = models.CharField(
        max_length=7, default=branding.DEFAULT_ACCENT, validators=[branding.validate_accent_color]
    )
    logo = models.BinaryField(blank=True, default=b"", editable=True)
    support_url = models.URLField(blank=True, help_text="Where patients get help, linked on every page.")
    privacy_url = models.URLField(blank=True, help_text="Your privacy notice, linked on every page.")
    contact_email = models.EmailField(
        blank=True,
        default="",
        db_default="",
        help_text="Who is told by mail when something needs the app's developers. Empty: nobody.",
    )
    allowed_return_origins = ArrayField(
        models.CharField(max_length=300, validators=[validate_return_origin]),
        blank=True,
        default=list,
        help_text="Origins (https://app.example) and app schemes (myapp:) that flows may return to. Empty: any https.",
    )
    allowed_frame_ancestors = ArrayField(
        models.CharField(max_length=300, validators=[validate_frame_ancestor]),
        blank=True,
        default=list,
        help_text="Origins that may show the hosted pages in a frame. Empty: none.",
    )
    unavailable_sources = models.CharField(
        max_length=10,
        choices=UnavailableSources,
        default=UnavailableSources.HIDDEN,
        help_text="What patients see of sources without a ready client registration.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values), name="organizations_organization_environment_known"
            ),
            models.CheckConstraint(
                condition=Q(unavailable_sources__in=UnavailableSources.values),
                name="organizations_organization_unavailable_sources_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"

    @property
    def is_sandbox(self) -> bool:
        return self.environment == Environment.SANDBOX

    @property
    def shows_unavailable_sources(self) -> bool:
        return self.unavailable_sources == UnavailableSources.SHOWN

    @property
    def branding_version(self) -> str:
        """Changes whenever the look does; part of the address, so that browsers may keep it for ever."""
        return hashlib.sha256(bytes(self.logo) + self.accent_color.encode()).hexdigest()[:12]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def with_secret(self, secret: str) -> "ApiKey | None":
        """The key that `secret` belongs to, whatever its state, with its organization."""
        key: ApiKey
        for key, organization in _WITH_DIGEST.rows(keys.digest(secret)):
            relate(key, organization=organization)
            return key
        return None

    def note_use(self, key: "ApiKey", now: datetime) -> None:
        """Remember that `key` was used. Writes at most once a minute."""
        self.filter(Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_RESOLUTION), pk=key.pk).update(
            last_used_at=now
        )

    def revoke(self, now: datetime) -> int:
        """Revoke the keys that are not revoked yet; their number."""
        return self.filter(revoked_at=None).update(revoked_at=now)


LAST_USED_RESOLUTION = timedelta(minutes=1)


class ApiKey(models.Model):
    """What an app's server signs in with. Only a digest is kept: the key is shown once, when made."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=20, editable=False, help_text="How the key begins.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=40, validators=[validate_scope]), default=all_scopes)
    api_version = models.CharField(max_length=10, default=versions.current)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def uses_are_noted(self, now: datetime) -> bool:
        return self.last_used_at is not None and self.last_used_at >= now - LAST_USED_RESOLUTION


# Every request of the API begins with it.
_WITH_DIGEST = Statement(
    "SELECT {columns} FROM {key} JOIN {organization} ON organization.id = key.organization_id WHERE key.digest = %s",
    key=(ApiKey, None),
    organization=(Organization, columns_but(Organization, "logo")),
)


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def forget_patient(self, organization: Organization, reference: str) -> int:
        """Take the answers about a patient away, so that none outlives them; their number.

        The keys stay until their day is over: a retry that arrives late must not make an erased patient anew.
        """
        about = self.filter(patient_digest=patient_digest(organization, reference))
        return about.update(answer=None, patient_digest="")

    def made_before(self, moment: datetime) -> "IdempotencyKeyQuerySet":
        return self.filter(pk__lt=first_ulid_at(moment))


class IdempotencyKey(models.Model):
    """An `Idempotency-Key` that was used, with the answer it got. What the caller wrote is kept as digests only.

    The id begins with the time, by which old rows are found. `answer` is null inside the transaction that works on
    the request, which nobody else sees, and once the patient it was about has been erased.
    """

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+", db_index=False)
    key_digest = models.CharField(max_length=64)
    # Whom the answer is about; empty where it is about nobody.
    patient_digest = models.CharField(max_length=64, blank=True)
    answer = EncryptedTextField(null=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key_digest"], name="organizations_idempotencykey_once_per_workspace"
            )
        ]
        indexes = [models.Index(fields=["patient_digest"], name="idempotencykey_patient")]

    def __str__(self) -> str:
        return self.id


def patient_digest(organization: Organization, reference: str) -> str:
    return keys.digest(f"{organization.pk}:{reference}")
