"""Secrets at rest: authenticated encryption with rotating keys (Fernet, newest key first)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Cast

__all__ = ["EncryptedTextField", "InvalidToken", "Sealed", "box", "reencrypt", "sealed"]

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


class Sealed(str):
    """A ciphertext on its way from one column to another: it is written as it is."""

    __slots__ = ()


def sealed(name: str) -> Cast:
    """The ciphertext of a column, for an annotation: reading it needs no key, so it works where the key was lost."""
    return Cast(name, models.TextField())


class EncryptedTextField(TextField):
    """Text that is encrypted on its way into the database and decrypted on its way out.

    It cannot be searched: every write makes another ciphertext. Empty and NULL stay as they are. Reading raises
    `InvalidToken` where the key is not among ENCRYPTION_KEYS any more.
    """

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Sealed):
            return str(value)
        value = super().get_prep_value(value)
        return box().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return box().decrypt(value.encode()).decode() if value else value


def reencrypt(model: type[models.Model], *, batch: int = 500) -> int:
    """Encrypt every secret of `model` with the newest key; the number of rows that were rewritten.

    Each batch is a transaction of its own and locks its rows, so that a token renewed meanwhile is not lost. Rows
    that refer to them can still be written.
    """
    names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
    rewritten, last = 0, None
    while names:
        with transaction.atomic():
            rows = model._default_manager.select_for_update(no_key=True).order_by("pk")
            page = list((rows if last is None else rows.filter(pk__gt=last)).only("pk", *names)[:batch])
            model._default_manager.bulk_update(page, names)
        if not page:
            break
        rewritten, last = rewritten + len(page), page[-1].pk
    return rewritten
