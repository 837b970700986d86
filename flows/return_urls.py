"""Return URLs: which ones we send a patient to, and with what."""

import re
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

from organizations.models import Organization
from organizations.origins import FORBIDDEN_SCHEMES, is_local, origin_of

MAX_LENGTH = 2048
# Labels between dots. Browsers read other spellings (encoded ones, say) as other hosts, or lead nowhere with them;
# and the host becomes part of a page's Content-Security-Policy.
_HOST = re.compile(r"(?!.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)


class ReturnUrlRefused(ValueError):
    """The sentence says why."""


def check_return_url(url: str, organization: Organization) -> None:
    """Refuse a URL that the workspace's flows may not return to. Raises ReturnUrlRefused.

    https, or http to this machine; an app's own scheme only where the workspace lists it; only listed
    origins once it lists any (contract §5).
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ReturnUrlRefused("The URL has spaces, backslashes, control or non-ASCII characters. Encode them.")
    try:
        parts = urlsplit(url)
        origin, _ = origin_of(url), parts.port
    except ValueError as error:
        raise ReturnUrlRefused("This is not a valid URL.") from error
    if parts.username is not None or parts.password is not None:
        raise ReturnUrlRefused("The URL must not carry a user name or password.")
    allowed = {entry.lower() for entry in organization.allowed_return_origins}
    if "#" in url:
        raise ReturnUrlRefused("The URL must not have a fragment: it would swallow the parameters we add.")
    if parts.scheme in ("http", "https"):
        _check_web_address(parts.scheme, parts.hostname)
    elif parts.scheme in FORBIDDEN_SCHEMES or origin not in allowed:
        raise ReturnUrlRefused("The URL must begin with https://, or with an app scheme this workspace allows.")
    if allowed and origin not in allowed:
        raise ReturnUrlRefused(f"{origin} is not one of this workspace's allowed return origins.")


def _check_web_address(scheme: str, host: str | None) -> None:
    if not host:
        raise ReturnUrlRefused("The URL names no host.")
    if not (_is_ipv6(host) if ":" in host else _HOST.fullmatch(host)):
        raise ReturnUrlRefused("The URL's host is not a host name.")
    if scheme == "http" and not is_local(host):
        raise ReturnUrlRefused("The URL must be https; plain http is only for localhost.")


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False


def with_parameters(url: str, parameters: dict[str, str]) -> str:
    """`url` with `parameters` appended to whatever query it has, none of which is changed."""
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    base, has_query, query = url.partition("?")
    return f"{base}?{query}&{added}" if has_query and query else f"{base}?{added}"
