"""What an API key may be allowed to do (contract §2)."""

from django.core.exceptions import ValidationError

ALL_SCOPES = [
    "patients:read",
    "patients:write",
    "patient_sessions:read",
    "patient_sessions:write",
    "connections:read",
    "fhir:read",
    "webhooks:read",
    "webhooks:write",
]


def all_scopes() -> list[str]:
    return ALL_SCOPES.copy()


def validate_scope(value: str) -> None:
    if value not in ALL_SCOPES:
        raise ValidationError(f"There is no scope {value!r}. Known: {', '.join(ALL_SCOPES)}.")
