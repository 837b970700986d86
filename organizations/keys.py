"""API key secrets: how one is made and what is kept of it."""

import hashlib
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40  # 238 bits
VISIBLE_LENGTH = 16


def new_secret(*, sandbox: bool) -> str:
    """A fresh key, `mb_sk_sbx_…` or `mb_sk_live_…`."""
    return ("mb_sk_sbx_" if sandbox else "mb_sk_live_") + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def digest(secret: str) -> str:
    # A plain hash suffices: the secret is random and long, there is nothing to guess.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
