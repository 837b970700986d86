"""Which addresses an exchange may go to."""

import ipaddress
import re
from enum import Enum
from urllib.parse import urlsplit

import idna
from django.conf import settings

from common.outbound.errors import AddressRefused

LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".test")
# Networks of IPv6 whose last 32 bits are an IPv4 address.
ENDING_IN_IPV4 = [ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")]
# Nothing that is meant for everybody, although Python, or an older one, takes it for public: for translators within a
# network, which keep the IPv4 address anywhere in it (RFC 8215), site-local (RFC 3879), protocol assignments
# (RFC 6890), segment routing (RFC 9602), documentation (RFC 9637).
NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24", "5f00::/16", "3fff::/20")
]
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(Enum):
    """How far requests go."""

    PUBLIC = "public"
    """Public addresses over https, and the private networks listed in OUTBOUND_ALLOWED_NETWORKS."""
    LOCAL = "local"
    """Also loopback and private networks, and there over plain http: sandbox workspaces."""


def check_url(url: str, reach: Reach) -> None:
    """Refuse a URL that a session of this reach would not request. Raises AddressRefused.

    Resolves nothing; addresses are checked when connecting.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused("The address is not a valid URL.") from error
    if parts.scheme not in ("https", "http") or not host:
        raise AddressRefused("The address is not an http or https URL.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("The address carries a user name or password.")
    literal = _literal(host)
    if literal is None and (_is_number(host) or not is_host_name(host)):
        raise AddressRefused("The address does not name a host that can be looked up.")
    if literal is not None and not is_allowed(literal, reach):
        raise AddressRefused(f"The address {literal} is not allowed here.")
    if _is_this_machine(host) and reach is not Reach.LOCAL:
        raise AddressRefused("The address is this machine itself.")
    if parts.scheme == "http" and not (reach is Reach.LOCAL and _may_be_local(host, literal)):
        raise AddressRefused("The address is not https.")


def is_host_name(host: str) -> bool:
    """Whether a name can be looked up: labels of 1 to 63 letters, international ones as IDNA 2008 has them."""
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return False
    return all(0 < len(label) <= 63 for label in name.removesuffix(".").split(".")) and not name.startswith("*")


def _is_number(host: str) -> bool:
    """Whether a host is an IPv4 address in another spelling, such as 2130706433, 0x7f.1 or 127.0.0.1 with a dot.

    The last label of a domain is never a number.
    """
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _may_be_local(host: str, literal: Address | None) -> bool:
    """Whether a host is not on the public internet, as far as its name tells. Connecting checks the address."""
    if literal is not None:
        return not literal.is_global
    return "." not in host.rstrip(".") or host.rstrip(".").lower().endswith(LOCAL_SUFFIXES)


def is_allowed(address: Address, reach: Reach) -> bool:
    """Whether an exchange of this reach may connect to `address`."""
    inner = _inner(address)
    if inner is not None:
        return is_allowed(inner, reach)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    if address.is_global:
        return True
    if any(address in ipaddress.ip_network(network) for network in settings.OUTBOUND_ALLOWED_NETWORKS):
        return True
    return reach is Reach.LOCAL and (address.is_loopback or address.is_private)


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, translated, 6to4, NAT64 (RFC 6052, 8215)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in network for network in ENDING_IN_IPV4) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
