"""Secrets at rest: authenticated encryption with rotating keys (Fernet, newest key first)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

# Django's fields become generic only in its type stubs.
if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
else:
    TextField = models.TextField


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def box() -> MultiFernet:
    """What encrypts with the newest key of `ENCRYPTION_KEYS` and decrypts with any of them."""
    return _box(tuple(settings.ENCRYPTION_KEYS))


class EncryptedTextField(TextField):
    """Text that is encrypted on its way into the database and decrypted on its way out.

    It cannot be searched: every write makes another ciphertext. Empty and NULL stay as they are.
    """

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return box().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return box().decrypt(value.encode()).decode() if value else value
