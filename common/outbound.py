"""All outbound HTTP. Everything out there is hostile: portals, directories, receivers.

A `guarded` session
- connects only to addresses that its reach allows, checked on the very address it connects to, so
  that a name cannot resolve to something else a moment later (DNS rebinding);
- gives every exchange one deadline for connecting, TLS, headers and body together, however slowly
  the other side drips;
- reads at most a fixed number of bytes, counted after decompression;
- follows no redirect, uses no proxy and no netrc, and always verifies TLS.

OutboundError               what went wrong, in words for staff
├── AddressRefused          the name resolves to an address outside the reach, or the URL is not allowed
├── Unreachable             no answer: refused, unknown name, TLS failure, cut off
├── TimedOut                the deadline passed
├── TooLarge                the answer is larger than the cap
└── Redirected              the answer is a redirect
"""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter

DEADLINE_SECONDS = 15.0
CONNECT_SECONDS = 5.0
MAX_BYTES = 2 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".test")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
USER_AGENT = "Medblocks-Connect/1"


class OutboundError(requests.RequestException):
    """Base of what a guarded session raises. The message is for staff; it never holds a secret."""


class AddressRefused(OutboundError):
    pass


class Unreachable(OutboundError):
    pass


class TimedOut(OutboundError):
    pass


class TooLarge(OutboundError):
    pass


class Redirected(OutboundError):
    pass


class Reach(Enum):
    """Which addresses an exchange may go to."""

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
    if literal is not None and not is_allowed(literal, reach):
        raise AddressRefused(f"The address {literal} is not allowed here.")
    if _is_this_machine(host) and reach is not Reach.LOCAL:
        raise AddressRefused("The address is this machine itself.")
    if parts.scheme == "http" and not (reach is Reach.LOCAL and _may_be_local(host, literal)):
        raise AddressRefused("The address is not https.")


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _may_be_local(host: str, literal: "Address | None") -> bool:
    """Whether a host is not on the public internet, as far as its name tells. Connecting checks the address."""
    if literal is not None:
        return not literal.is_global
    return "." not in host.rstrip(".") or host.rstrip(".").lower().endswith(LOCAL_SUFFIXES)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_allowed(address: Address, reach: Reach) -> bool:
    """Whether an exchange of this reach may connect to `address`."""
    inner = _inner(address)
    if inner is not None:
        return is_allowed(inner, reach)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_global:
        return True
    if any(address in ipaddress.ip_network(network) for network in settings.OUTBOUND_ALLOWED_NETWORKS):
        return True
    return reach is Reach.LOCAL and (address.is_loopback or address.is_private)


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4 or NAT64 (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class _Exchange:
    """One request and its answer: holds its sockets, so that the deadline can cut them off."""

    def __init__(self, seconds: float) -> None:
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()
        self.expired = False

    def watch(self, connection: socket.socket) -> None:
        # A duplicate, because wrapping a socket in TLS detaches the original.
        self._sockets.append(connection.dup())
        if self.expired:
            self._cut()

    def _cut(self) -> None:
        self.expired = True
        for watched in self._sockets:
            try:
                watched.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended by itself
                continue

    def end(self) -> None:
        self._timer.cancel()
        for watched in self._sockets:
            watched.close()


_exchange: ContextVar[_Exchange] = ContextVar("_exchange")
_reach: ContextVar[Reach] = ContextVar("_reach")


def _connect(connection: urllib3.connection.HTTPConnection) -> socket.socket:
    """Open a socket to the first allowed address of the connection's host."""
    try:
        found = socket.getaddrinfo(connection._dns_host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"The name {connection.host} is not known.") from error
    in_clear = not isinstance(connection, urllib3.connection.HTTPSConnection)
    allowed = [entry for entry in found if _may_connect(ipaddress.ip_address(entry[4][0]), in_clear=in_clear)]
    if not allowed:
        raise AddressRefused(f"The name {connection.host} leads to an address that is not allowed here.")
    problem: OSError | None = None
    for family, kind, protocol, _, address in allowed:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(CONNECT_SECONDS)
        _exchange.get().watch(opened)
        try:
            opened.connect(address)
        except OSError as error:
            opened.close()
            problem = error
            continue
        opened.settimeout(DEADLINE_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened
    raise Unreachable(f"{connection.host} does not accept connections.") from problem


def _may_connect(address: "Address", *, in_clear: bool) -> bool:
    return is_allowed(address, _reach.get()) and not (in_clear and address.is_global)


class _HTTPConnection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class GuardedAdapter(HTTPAdapter):
    """The guard itself. Mounted on a session, it covers whatever that session's user sends."""

    def __init__(self, reach: Reach, limits: "Limits") -> None:
        self.reach, self.max_bytes, self.seconds = reach, limits.max_bytes, limits.seconds
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Send and read the whole answer. Raises an OutboundError; never returns a redirect."""
        check_url(request.url or "", self.reach)
        # An exchange's sockets are watched from their opening, so each exchange opens its own.
        request.headers["Connection"] = "close"
        with _running(self.reach, self.seconds) as exchange:
            try:
                response = super().send(request, stream=True, timeout=self.seconds, verify=True)
                with response:
                    response._content = self._read(response)
            except OutboundError:
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise _translated(error, exchange, request) from error
            if exchange.expired:
                raise TimedOut(f"{urlsplit(request.url).hostname!s} took longer than {self.seconds:g} seconds.")
        if response.is_redirect:
            raise Redirected(f"The server answered with a redirect (status {response.status_code}).")
        return response

    def _read(self, response: requests.Response) -> bytes:
        content = bytearray()
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > self.max_bytes:
                raise TooLarge(f"The answer is larger than {self.max_bytes} bytes.")
        return bytes(content)


@contextmanager
def _running(reach: Reach, seconds: float) -> Iterator[_Exchange]:
    exchange = _Exchange(seconds)
    tokens = _exchange.set(exchange), _reach.set(reach)
    try:
        yield exchange
    finally:
        exchange.end()
        _exchange.reset(tokens[0])
        _reach.reset(tokens[1])


def _translated(error: Exception, exchange: _Exchange, request: requests.PreparedRequest) -> OutboundError:
    host = urlsplit(request.url or "").hostname
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OutboundError):
            return cause
        cause = cause.__cause__ or cause.__context__
    if exchange.expired or isinstance(error, requests.Timeout):
        return TimedOut(f"{host} took too long to answer.")
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable(f"The TLS certificate of {host} could not be verified.")
    return Unreachable(f"The connection to {host} failed ({type(error).__name__}).")


@dataclass(frozen=True)
class Limits:
    """How long one exchange may take, in seconds, and how many bytes its answer may have."""

    seconds: float = DEADLINE_SECONDS
    max_bytes: int = MAX_BYTES


STANDARD = Limits()


def guard(session: requests.Session, reach: Reach, limits: Limits | None = None) -> requests.Session:
    """Make `session` (or a subclass's, such as OAuth2Session) a guarded one, within `limits` or the STANDARD ones."""
    session.trust_env = False
    session.headers["User-Agent"] = USER_AGENT
    adapter = GuardedAdapter(reach, limits or STANDARD)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def get(url: str, reach: Reach, *, accept: str = "application/json") -> requests.Response:
    """GET `url` in a guarded session of its own. Raises an OutboundError; any status is returned."""
    with guard(requests.Session(), reach) as session:
        return session.get(url, headers={"Accept": accept})
