"""One request and its answer: the sockets it opens, where they may lead, and the deadline that cuts them off."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import urllib3

from common.outbound.errors import AddressRefused, TimedOut, Unreachable
from common.outbound.reach import Address, Reach, is_allowed

CONNECT_SECONDS = 5.0


class Exchange:
    """Holds its sockets, so that the deadline reaches them however slowly the other side drips."""

    def __init__(self, reach: Reach, seconds: float) -> None:
        self.reach, self.seconds = reach, seconds
        self._sockets: list[socket.socket] = []
        self._opened: set[urllib3.connection.HTTPConnection] = set()
        self.expired = self.has_reused = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def may_connect(self, address: Address, *, in_clear: bool) -> bool:
        return is_allowed(address, self.reach) and not (in_clear and address.is_global)

    def opens(self, connection: urllib3.connection.HTTPConnection, new: socket.socket) -> None:
        self._opened.add(connection)
        self._watch(new)

    def takes_up(self, connection: urllib3.connection.HTTPConnection) -> None:
        """Watch the socket of a connection that an earlier exchange opened, if it is one."""
        if connection.sock is not None and connection not in self._opened:
            self.has_reused = True
            self._watch(connection.sock)

    def _watch(self, watched: socket.socket) -> None:
        # A duplicate, because wrapping a socket in TLS detaches the original. (A TLS socket has no dup of its own.)
        self._sockets.append(socket.fromfd(watched.fileno(), watched.family, watched.type))
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


_current: ContextVar[Exchange] = ContextVar("_current")


@contextmanager
def running(reach: Reach, seconds: float) -> Iterator[Exchange]:
    """An exchange for as long as the block lasts: every connection opened or used in it is the exchange's."""
    exchange = Exchange(reach, seconds)
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        exchange.end()
        _current.reset(token)


def connect(connection: urllib3.connection.HTTPConnection) -> socket.socket:
    """Open a socket to the first allowed address of the connection's host, for the running exchange.

    Raises AddressRefused, Unreachable or TimedOut.
    """
    exchange = _current.get()
    problem: OSError | None = None
    for family, kind, protocol, _, address in _allowed(connection, exchange):
        if exchange.expired:  # looking the name up, and each address before this one, may have taken their time
            break
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(CONNECT_SECONDS)
        exchange.opens(connection, opened)
        try:
            opened.connect(address)
        except OSError as error:
            opened.close()
            problem = error
            continue
        opened.settimeout(exchange.seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened
    if exchange.expired:
        raise TimedOut(connection.host) from problem
    raise Unreachable(f"{connection.host} does not accept connections.") from problem


def take_up(connection: urllib3.connection.HTTPConnection) -> None:
    """Have the running exchange watch a connection that is about to be used, kept or new."""
    _current.get().takes_up(connection)


Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


def _allowed(connection: urllib3.connection.HTTPConnection, exchange: Exchange) -> list[Found]:
    try:
        found = socket.getaddrinfo(connection._dns_host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"The name {connection.host} is not known.") from error
    in_clear = not isinstance(connection, urllib3.connection.HTTPSConnection)
    allowed = [entry for entry in found if exchange.may_connect(ipaddress.ip_address(entry[4][0]), in_clear=in_clear)]
    if not allowed:
        raise AddressRefused(f"The name {connection.host} leads to an address that is not allowed here.")
    return allowed  # type: ignore[return-value]  # typeshed allows for platforms without IPv6
