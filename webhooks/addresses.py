"""Which addresses of receivers are taken (contract §9).

An app names them, and this server sends there: none must make it call itself or its neighbours. Here that is refused as
far as it shows. `common/outbound` looks at the very address it connects to, each time.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from common.outbound import AddressRefused, Reach, check_name, check_url, is_allowed
from organizations.origins import is_local

MAX_LENGTH = 2000
_HOST = re.compile(r"[a-z0-9._-]+", re.ASCII)
_IPV6 = re.compile(r"[0-9a-f:.]+", re.ASCII)


class ReceiverRefused(ValueError):
    """The sentence says why."""


def check_receiver(url: str, *, is_sandbox: bool) -> None:
    """Refuse a URL that a workspace's events may not be sent to, as far as it can be read. Raises ReceiverRefused.

    https to a public address; in a sandbox workspace also http to this machine. Resolves nothing.
    """
    parts = _split(url)
    if parts.scheme == "http" and is_local(parts.hostname):
        if not is_sandbox:
            raise ReceiverRefused("The URL must be https; http to localhost is for sandbox workspaces.")
        return
    try:
        check_url(url, Reach.PUBLIC)
    except AddressRefused as error:
        raise ReceiverRefused(str(error)) from error


def problem_of_name(url: str, *, is_sandbox: bool) -> str | None:
    """Why a receiver is refused because of where its name leads, in a sentence; None for one that is refused anyway.

    Asks over the network, two seconds at most: never within a transaction.
    """
    try:
        check_receiver(url, is_sandbox=is_sandbox)
        if not is_local(urlsplit(url).hostname):
            check_name(url, Reach.PUBLIC)
    except ReceiverRefused:
        return None
    except AddressRefused as error:
        return str(error)
    return None


def reach_of(url: str) -> Reach:
    """How far requests to a receiver go: to this machine only where the operator lets apps reach it.

    That is an installation with the sandbox, or one that lists loopback in OUTBOUND_ALLOWED_NETWORKS. On any other,
    what listens there are its own services.
    """
    is_open = settings.SANDBOX or is_allowed(ipaddress.IPv4Address("127.0.0.1"), Reach.PUBLIC)
    return Reach.LOCAL if is_open and urlsplit(url).scheme == "http" else Reach.PUBLIC


def _split(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ReceiverRefused("The URL has spaces, backslashes, control or non-ASCII characters. Encode them.")
    if "#" in url:
        raise ReceiverRefused("The URL must not have a fragment: it would not be sent.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ReceiverRefused("This is not a valid URL.") from error
    if parts.username is not None or parts.password is not None:
        raise ReceiverRefused("The URL must not carry a user name or password: verify the signature instead.")
    is_bracketed = "[" in parts.netloc
    if not (_IPV6 if is_bracketed else _HOST).fullmatch(parts.hostname or "") or port == 0:
        raise ReceiverRefused("This is not a URL of https:// and a host.")
    return parts
