"""Link tokens: what makes `/c/<token>` a patient's own.

The token is an HMAC of the flow's ULID, cut to 128 bits: the URL can be shown again on every read,
and nothing secret is stored, only a digest to find the flow by. While SECRET_KEY is rotated, keep the
old key among SECRET_KEY_FALLBACKS until the links made under it have closed: without it their pages
cannot name each other any more.
"""

import hashlib
import hmac
import re

from django.conf import settings

_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)


def token_for(flow_id: str) -> str:
    """The token of a new flow: 32 lower-case hexadecimal characters."""
    return _token(settings.SECRET_KEY, flow_id)


def token_with_digest(flow_id: str, link_digest: str) -> str:
    """The token of a flow that was made under the current key or one of its fallbacks."""
    candidates = [_token(key, flow_id) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return next((token for token in candidates if digest(token) == link_digest), candidates[0])


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def _token(key: str, flow_id: str) -> str:
    return hmac.new(key.encode(), f"flow-link:{flow_id}".encode(), hashlib.sha256).hexdigest()[:32]
