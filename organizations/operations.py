"""Making workspaces and keys."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from organizations import keys
from organizations.models import ApiKey, Organization
from organizations.scopes import ALL_SCOPES

# Ten years.
LONGEST_LIFE = timedelta(days=3653)
EXPIRY = "A key that expires does so in the future, and at most ten years from now."


def create_organization(*, name: str, environment: str, contact_email: str = "") -> Organization:
    """A new workspace. Raises django's ValidationError for a blank name, an unknown environment or a bad address."""
    organization = Organization(name=name, environment=environment, contact_email=contact_email)
    _check(organization)
    organization.save()
    return organization


def check_expiry(expires_at: datetime, now: datetime) -> None:
    """Raises ValidationError, for the field of that name, unless a key may be made to expire then."""
    if not now < expires_at <= now + LONGEST_LIFE:
        raise ValidationError({"expires_at": EXPIRY})


def create_api_key(
    *,
    organization: Organization,
    name: str,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nothing can show again.

    Raises django's ValidationError for a blank name, an unknown scope, or an expiry that is past or too far away.
    """
    if expires_at is not None:
        check_expiry(expires_at, timezone.now())
    secret = keys.new_secret(sandbox=organization.is_sandbox)
    key = ApiKey(
        organization=organization,
        name=name,
        prefix=secret[: keys.VISIBLE_LENGTH],
        digest=keys.digest(secret),
        scopes=ALL_SCOPES.copy() if scopes is None else scopes,
        expires_at=expires_at,
    )
    _check(key)
    key.save()
    return key, secret


def _check(made: ApiKey | Organization) -> None:
    """Ids and digests are drawn at random, and what the constraints say of choices their fields say as well."""
    made.full_clean(validate_unique=False, validate_constraints=False)
