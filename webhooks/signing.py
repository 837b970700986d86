"""The signatures on what is sent, so that receivers know that it is ours and how old it is.

Every request is signed twice: as the published API does it, and as Standard Webhooks has it (standardwebhooks.com,
specification 1.0.0), whose libraries exist for most languages.
"""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105  it says what follows it
SECRET_BYTES = 32


def new_secret() -> str:
    """A new secret: `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(random.token_bytes(SECRET_BYTES)).decode()


def signature_headers(secrets: Sequence[str], *, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that sign one attempt, made at `now`, with every one of `secrets`: any of them verifies it.

    `event_id` is with its prefix: receivers know by it what they have seen. What is signed is of the attempt, not of
    the event, so that a retry after hours is not too old for a receiver.
    """
    seconds = str(int(now.timestamp()))
    ours = ",".join(f"v1={_hex(secret, seconds, body)}" for secret in secrets)
    standard = " ".join(f"v1,{_base64(secret, event_id, seconds, body)}" for secret in secrets)
    return {
        "Medblocks-Signature": f"t={seconds},{ours}",
        "webhook-id": event_id,
        "webhook-timestamp": seconds,
        "webhook-signature": standard,
    }


def _hex(secret: str, seconds: str, body: bytes) -> str:
    """Keyed by the whole secret, as it was shown."""
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


def _base64(secret: str, event_id: str, seconds: str, body: bytes) -> str:
    """Keyed by the bytes that the secret stands for."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((event_id.encode(), seconds.encode(), body))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
