"""Which addresses belong to a FHIR server. Only those get the token."""

from typing import TypeGuard
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

MAX_ID_LENGTH = 256
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Proxies and servers decode once each; nobody decodes more often than that.
_DECODINGS = 4


def is_within(base_url: str, url: str) -> bool:
    """Whether `url` is the base URL or below it: same scheme, host and port, and the base's path as whole segments.

    A path that leads upwards in whatever spelling (`..`, `%2e%2e`, `..;x`, a backslash) is not, nor is a URL with a
    user name, or one that is read differently by different programs.
    """
    try:
        base, parts = urlsplit(base_url), urlsplit(url)
        same = _origin(base) == _origin(parts)
    except ValueError:
        return False
    if not same or not url.isprintable() or "\\" in url or "@" in parts.netloc:
        return False
    path = base.path.rstrip("/")
    return (parts.path == path or parts.path.startswith(path + "/")) and not _leads_upwards(parts.path)


def next_within(base_url: str, asked: str, link: str) -> str | None:
    """The absolute address of a `next` link on the page at `asked`. None where it leads elsewhere.

    A link that is only a query goes on with the page's own address; other relative ones begin at the base, as FHIR
    has it. Servers behind a proxy often believe to be at http: they are asked by https all the same.
    """
    link = link.strip()
    try:
        url = urljoin(asked if link.startswith("?") else base_url + "/", link)
        parts = urlsplit(url)
        if parts.scheme == "http" and base_url.startswith("https:") and parts.port in (None, 80):
            url = urlunsplit(parts._replace(scheme="https", netloc=parts.netloc.removesuffix(":80")))
    except ValueError:
        return None
    return url if is_within(base_url, url) else None


def is_id(text: object) -> TypeGuard[str]:
    """Whether this can be the id of a resource, as servers have them: FHIR says 64 characters, portals take more."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= MAX_ID_LENGTH
        and text.isprintable()
        and "/" not in text
        and " " not in text
        and text not in (".", "..")
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, _host(parts), parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _host(parts: SplitResult) -> str | None:
    # Letters beyond ASCII have several spellings; they are compared as they stand.
    return parts.hostname if parts.netloc.isascii() else parts.netloc


def _leads_upwards(path: str) -> bool:
    for _ in range(_DECODINGS):
        if any(segment.partition(";")[0] in (".", "..") for segment in path.replace("\\", "/").split("/")):
            return True
        path = unquote(path)
    return False
