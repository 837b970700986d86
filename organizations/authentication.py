"""API authentication: `Authorization: Bearer <key>` (contract §2)."""

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from common.errors import AuthenticationFailed
from organizations.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the key by its digest. `request.auth` is the ApiKey, with its organization."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        # Spaces around a header's value are not part of it (RFC 9110 5.5).
        scheme, _, secret = request.headers.get("Authorization", "").strip(" \t").partition(" ")
        secret = secret.strip(" ")
        if not secret or scheme.lower() != "bearer":
            raise AuthenticationFailed(
                "Send your API key in the Authorization header: Bearer mb_sk_…", code="missing_api_key"
            )
        if "," in secret:
            raise AuthenticationFailed("Send one Authorization header, with one key. This request has several.")
        now = timezone.now()
        key = ApiKey.objects.with_secret(secret)
        if key is None or key.revoked_at is not None:
            raise AuthenticationFailed("This API key is not known, or was revoked.")
        if key.has_expired(now):
            raise AuthenticationFailed("This API key has expired. Create a new one.", code="expired_api_key")
        if not key.uses_are_noted(now):
            ApiKey.objects.note_use(key, now)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
