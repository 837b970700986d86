"""Which addresses of a directory may enter the catalogue. A directory is somebody else's word: an address
in it must not make this server call itself or its neighbours. (`common/outbound` guards each call again.)
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from common.outbound import Reach, is_allowed, is_host_name
from sources.base_urls import normalized
from sources.reading.listing import Refusal

MAX_LENGTH = 500
_LOCAL_DOMAINS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".localdomain")


class AddressRefusedError(ValueError):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


def base_url(text: str, *, sandbox: bool) -> str:
    """The normalised FHIR base URL. Raises AddressRefusedError.

    A sandbox may name plain http and this machine, as `common.outbound.Reach.LOCAL` does.
    """
    _check(_split(text), sandbox=sandbox)
    try:
        url = normalized(text)
    except ValueError as error:
        raise AddressRefusedError(Refusal.NOT_A_URL) from error
    _check(_split(url), sandbox=sandbox)  # other letters may have said this machine
    if len(url) > MAX_LENGTH:
        raise AddressRefusedError(Refusal.NOT_A_URL)
    return url


def link(text: str, *, sandbox: bool, https_only: bool = False) -> str | None:
    """A link to show to patients, or None for what must not be one, such as a `data:` URL."""
    try:
        parts = _split(text)
        _check(parts, sandbox=sandbox)
    except AddressRefusedError:
        return None
    usable = text.isprintable() and " " not in text and len(text) <= MAX_LENGTH
    return text if usable and not (https_only and parts.scheme.lower() != "https") else None


def host(text: str) -> str:
    """The host of a web address without `www.`, in lower case; "" where there is none."""
    try:
        name = urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    return name.removeprefix("www.") if "." in name and name.isprintable() else ""


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError as error:
        raise AddressRefusedError(Refusal.NOT_A_URL) from error
    return parts


def _check(parts: SplitResult, *, sandbox: bool) -> None:
    if parts.scheme.lower() not in ("https", "http") or not parts.hostname:
        raise AddressRefusedError(Refusal.NOT_A_URL)
    if ":" not in parts.hostname and not is_host_name(parts.hostname):
        raise AddressRefusedError(Refusal.NOT_A_URL)
    if parts.username is not None or parts.password is not None:
        raise AddressRefusedError(Refusal.CREDENTIALS)
    if sandbox:
        return
    if not _is_public(parts.hostname):
        raise AddressRefusedError(Refusal.NOT_PUBLIC)
    if parts.scheme.lower() != "https":
        raise AddressRefusedError(Refusal.NOT_HTTPS)


def _is_public(name: str) -> bool:
    """Whether the host reads like a public one. Resolves nothing."""
    name = name.rstrip(".").lower()
    try:
        return is_allowed(ipaddress.ip_address(name), Reach.PUBLIC)
    except ValueError:
        # The last label of a domain is not a number: 127.1 and 0x7f.1 are addresses in disguise.
        return re.fullmatch(r"(?:[^.]+\.)+(?!0x)[^.\d][^.]*", name) is not None and not name.endswith(_LOCAL_DOMAINS)
