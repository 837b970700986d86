"""The catalogue: portals that speak SMART on FHIR, the places patients look for, and how we are known there."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from common.encryption import EncryptedTextField
from common.ids import new_ulid
from common.outbound import Reach
from organizations.models import Environment, Organization


class SourceQuerySet(models.QuerySet["Source"]):
    def visible_to(self, organization: Organization) -> "SourceQuerySet":
        """Sources of the workspace's environment that are shared or its own."""
        return self.filter(Q(organization=None) | Q(organization=organization), environment=organization.environment)

    def offered_to(self, organization: Organization) -> "SourceQuerySet":
        """Visible sources where this workspace can sign patients in: a client registration is ready."""
        ready = ClientRegistration.objects.usable_by(organization).filter(
            Q(source=OuterRef("pk")) | Q(vendor=OuterRef("type"))
        )
        return self.visible_to(organization).filter(Exists(ready))


class Source(models.Model):
    """A FHIR server with its portal: where a patient signs in and where records come from."""

    id = models.CharField(max_length=32, primary_key=True, editable=False)
    name = models.CharField(max_length=300)
    type = models.CharField(max_length=50, null=True, blank=True, help_text="Vendor: epic, cerner, athena, …")
    fhir_base_url = models.CharField(max_length=500, unique=True, help_text="Normalised: see sources/base_urls.py.")
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

    @property
    def reach(self) -> Reach:
        """Where our requests for this source may go: only a sandbox source may be on this machine."""
        return Reach.LOCAL if self.environment == Environment.SANDBOX else Reach.PUBLIC


class Facility(models.Model):
    """What a patient searches for: a hospital, clinic or payer, and the sources that hold its records."""

    name = models.CharField(max_length=300)
    aliases = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    brand = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="facilities")
    sources = models.ManyToManyField(Source, related_name="facilities")
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
    directory_key = models.CharField(
        max_length=64, unique=True, editable=False, help_text="What makes it the same facility in the next import."
    )

    class Meta:
        verbose_name_plural = "facilities"

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> str:
        """City and state, as far as known: "Oakland, CA"."""
        return ", ".join(part for part in (self.city, self.state) if part)


class AuthMethod(models.TextChoices):
    """How a client proves who it is at the token endpoint (RFC 6749 2.3, RFC 7523)."""

    NONE = "none", "none (public client)"
    BASIC = "basic", "secret in the Authorization header"
    POST = "post", "secret in the body"
    PRIVATE_KEY_JWT = "private_key_jwt", "signed assertion"


class ClientRegistrationQuerySet(models.QuerySet["ClientRegistration"]):
    def usable_by(self, organization: Organization) -> "ClientRegistrationQuerySet":
        return self.filter(
            Q(organization=None) | Q(organization=organization),
            environment=organization.environment,
            is_ready=True,
        )

    def best_for(self, source: Source, organization: Organization) -> "ClientRegistration | None":
        """The registration that signs patients in: the workspace's own before the installation's,
        the source's before its vendor's."""
        known_as = Q(source=source)
        if source.type:  # without one, vendor=None would match every other source's own registration
            known_as |= Q(vendor=source.type)
        return (
            self.usable_by(organization)
            .filter(known_as)
            .order_by(F("organization").asc(nulls_last=True), F("source").asc(nulls_last=True))
            .first()
        )


class ClientRegistration(models.Model):
    """How a workspace, or the whole installation, is known to one source or to all of a vendor's."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="client_registrations",
        help_text="Empty: every workspace of the environment uses it.",
    )
    environment = models.CharField(max_length=10, choices=Environment)
    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, null=True, blank=True, related_name="client_registrations"
    )
    vendor = models.CharField(max_length=50, null=True, blank=True)
    client_id = models.CharField(max_length=300)
    auth_method = models.CharField(max_length=20, choices=AuthMethod, default=AuthMethod.NONE)
    client_secret = EncryptedTextField(blank=True, default="")
    private_key = EncryptedTextField(blank=True, default="", help_text="PEM. Its public half is published.")
    key_id = models.CharField(max_length=64, blank=True, editable=False)
    scopes = models.TextField(blank=True, help_text="Space separated. Empty: what the portal supports of the default.")
    is_ready = models.BooleanField(default=True, help_text="Off: its sources are not offered to patients.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ClientRegistrationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(source=None) ^ Q(vendor=None), name="sources_registration_source_or_vendor"
            ),
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values), name="sources_registration_environment_known"
            ),
            models.CheckConstraint(
                condition=~Q(auth_method__in=[AuthMethod.BASIC, AuthMethod.POST]) | ~Q(client_secret=""),
                name="sources_registration_secret_where_needed",
            ),
            models.CheckConstraint(
                condition=~Q(auth_method=AuthMethod.PRIVATE_KEY_JWT) | ~Q(private_key=""),
                name="sources_registration_key_where_needed",
            ),
            models.UniqueConstraint(
                fields=["organization", "environment", "source", "vendor"],
                nulls_distinct=False,
                name="sources_registration_one_per_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} at {self.source or self.vendor}"


class Catalogue(models.Model):
    """One row: which state of the catalogue the database holds. Search indexes are built for one version."""

    version = models.CharField(max_length=26, default=new_ulid)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="sources_catalogue_single_row")]

    @classmethod
    def changed(cls) -> None:
        """Note a change of sources or facilities. Call it in the transaction that makes the change."""
        cls.objects.update_or_create(id=1, defaults={"version": new_ulid()})

    @classmethod
    def current_version(cls) -> str:
        """The version of the catalogue as committed; "" for one that was never filled."""
        return cls.objects.filter(id=1).values_list("version", flat=True).first() or ""
