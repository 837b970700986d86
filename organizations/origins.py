"""Origins a workspace names: where flows may return to, and who may frame the hosted pages."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

_WEB_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_APP_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
# Schemes that run code or read files in a browser, or belong to it.
FORBIDDEN_SCHEMES = {
    "javascript",
    "data",
    "file",
    "blob",
    "vbscript",
    "about",
    "view-source",
    "filesystem",
    "ws",
    "wss",
}
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


def is_local(host: str | None) -> bool:
    return host in LOCAL_HOSTS


def origin_of(url: str) -> str:
    """`scheme://host:port` of a web address, without a default port; `scheme:` of any other.

    Raises ValueError for what is not a URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme}:"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")


def validate_return_origin(value: str) -> None:
    """Raises ValidationError unless `value` is a web origin or an app's own scheme (`myapp:`)."""
    if _APP_SCHEME.fullmatch(value):
        if value[:-1] in FORBIDDEN_SCHEMES | {"http", "https"}:
            raise ValidationError(f"{value} is not an app's own scheme.")
        return
    validate_frame_ancestor(value)


def validate_frame_ancestor(value: str) -> None:
    """Raises ValidationError unless `value` is a web origin, https or on this machine."""
    try:
        parts = urlsplit(value)
        is_origin = _WEB_ORIGIN.fullmatch(value) is not None and origin_of(value) == value.lower()
    except ValueError:
        is_origin = False
    if not is_origin:
        raise ValidationError("Write an origin such as https://app.example, without a path.")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise ValidationError("An origin must be https, or http on localhost.")
