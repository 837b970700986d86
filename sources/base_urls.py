"""FHIR base URLs: their one spelling, and the source id that follows from it."""

import base64
import hashlib
import re
from urllib.parse import urlsplit, urlunsplit

import idna

_DEFAULT_PORTS = {"https": 443, "http": 80}
_ID = re.compile(r"fhirsrc_[a-z2-7]{24}", re.ASCII)


def normalized(url: str) -> str:
    """The one spelling of a FHIR base URL: scheme and host in lower case, no default port, no slash at the end.

    A host in other letters is written as it is looked up, and without a dot at its end; `.` and `..` in the path lead
    where they lead. `//` stays, for servers may tell it from `/`.
    Raises ValueError, with a sentence, for what cannot be a base URL: not http(s), no host that can be one,
    credentials, a query or a fragment, white space or control characters.
    """
    text = url.strip()
    if not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("The FHIR base URL has spaces or control characters.")
    parts = urlsplit(text)
    scheme, host = parts.scheme.lower(), _host(parts.hostname or "")
    if scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("The FHIR base URL must begin with https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("The FHIR base URL must not carry a user name or password.")
    if parts.query or parts.fragment:
        raise ValueError("The FHIR base URL must not have a query or a fragment.")
    if parts.port == 0 or host.startswith("-"):
        raise ValueError("No server can be at the host or port of the FHIR base URL.")
    port = "" if parts.port in (None, _DEFAULT_PORTS[scheme]) else f":{parts.port}"
    authority = (f"[{host}]" if ":" in host else host) + port
    return urlunsplit((scheme, authority, _path(parts.path).rstrip("/"), "", ""))


def _host(name: str) -> str:
    try:
        looked_up = name.lower() if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError("The host of the FHIR base URL cannot be looked up.") from error
    return looked_up.removesuffix(".")


def _path(written: str) -> str:
    """Without dot segments, written in whatever way (RFC 3986 §6.2.2)."""
    segments: list[str] = []
    for segment in written.split("/"):
        match segment.lower().replace("%2e", "."):
            case ".":
                pass
            case "..":
                segments = segments[:1] + segments[1:-1]
            case _:
                segments.append(segment)
    return "/".join(segments)


def source_id(base_url: str) -> str:
    """The id of the source at a normalised base URL: the same on every installation."""
    hashed = base64.b32encode(hashlib.sha256(base_url.encode()).digest()).decode().lower()
    return "fhirsrc_" + hashed[:24]


def is_source_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
