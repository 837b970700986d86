"""Secrets at rest: authenticated encryption with rotating keys (Fernet, newest key first)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models, transaction

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


def reencrypt(model: type[models.Model], *, batch: int = 500) -> int:
    """Encrypt every secret of `model` with the newest key; the number of rows that were rewritten.

    Each batch is a transaction of its own and locks its rows, so that a token renewed meanwhile is not lost.
    """
    names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
    rewritten, last = 0, None
    while names:
        with transaction.atomic():
            rows = model._default_manager.select_for_update().order_by("pk")
            page = list((rows if last is None else rows.filter(pk__gt=last)).only("pk", *names)[:batch])
            model._default_manager.bulk_update(page, names)
        if not page:
            break
        rewritten, last = rewritten + len(page), page[-1].pk
    return rewritten
