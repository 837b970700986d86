"""How we are known at portals."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q

from common.encryption import EncryptedTextField
from common.ids import new_ulid
from organizations.models import Environment, Organization
from sources.token_endpoint import Client

if TYPE_CHECKING:
    from sources.models.source import Source


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

    def best_for(self, source: "Source", organization: Organization) -> "ClientRegistration | None":
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
        "sources.Source", on_delete=models.CASCADE, null=True, blank=True, related_name="client_registrations"
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

    @property
    def client(self) -> Client:
        """Who we are at the portal, for the endpoints that want it proven."""
        return Client(
            client_id=self.client_id,
            auth_method=self.auth_method,
            secret=self.client_secret,
            private_key=self.private_key,
            key_id=self.key_id,
        )
