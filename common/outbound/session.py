"""Sessions of `requests` whose every exchange is guarded."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from common.outbound.errors import OutboundError, Redirected, TimedOut, TooLarge, Unreachable
from common.outbound.exchange import Exchange, connect, running, take_up
from common.outbound.reach import Reach, check_url
from common.outbound.responses import FinalResponse
from common.outbound.tls import context
from common.turns import waiting_outside

CHUNK_BYTES = 64 * 1024
USER_AGENT = "Medblocks-Connect/1"


@dataclass(frozen=True)
class Limits:
    """How long one exchange may take, in seconds, and how many bytes its answer may have."""

    seconds: float = 15.0
    max_bytes: int = 2 * 1024 * 1024


STANDARD = Limits()


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = FinalResponse

    def _new_conn(self) -> socket.socket:
        return connect(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        take_up(self)
        super().request(*args, **kwargs)


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = FinalResponse

    def _new_conn(self) -> socket.socket:
        return connect(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        take_up(self)
        super().request(*args, **kwargs)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class GuardedAdapter(HTTPAdapter):
    """The guard itself. Mounted on a session, it covers whatever that session's user sends.

    With `keep_alive`, connections stay open from one exchange to the next, until the session is closed.
    """

    def __init__(self, reach: Reach, limits: Limits, *, keep_alive: bool = False) -> None:
        self.reach, self.max_bytes, self.seconds = reach, limits.max_bytes, limits.seconds
        self.keep_alive = keep_alive
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def cert_verify(self, *args: Any) -> None:
        """The context verifies. This would have it read the authorities again for each connection."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Send and read the whole answer. Raises an OutboundError; never returns a redirect."""
        check_url(request.url or "", self.reach)
        if not self.keep_alive:
            request.headers["Connection"] = "close"
        with waiting_outside(), running(self.reach, self.seconds) as exchange:
            try:
                response = self._begun(request, exchange)
                with response:
                    if not exchange.expired:  # otherwise its headers were cut through, and nothing says so
                        response._content = self._read(response)
            except OutboundError:
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise _translated(error, exchange, request) from error
            finally:
                if not self.keep_alive:
                    self.close()  # servers need not do as they are told
            if exchange.expired:
                raise TimedOut(urlsplit(request.url or "").hostname)
        if response.is_redirect:
            problem = f"The server answered with a redirect (status {response.status_code})."
            raise Redirected(problem, location=response.headers["Location"])
        return response

    def _begun(self, request: requests.PreparedRequest, exchange: Exchange) -> requests.Response:
        """The answer up to its headers; asked for a second time where the server had given up the kept connection."""
        try:
            return super().send(request, stream=True, timeout=self.seconds, verify=True)
        except requests.ConnectionError as error:
            may_repeat = exchange.has_reused and not exchange.expired and request.method in ("GET", "HEAD")
            if not (may_repeat and _was_closed(error)):
                raise
        return super().send(request, stream=True, timeout=self.seconds, verify=True)

    def _read(self, response: requests.Response) -> bytes:
        content = bytearray()
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > self.max_bytes:
                raise TooLarge(f"The answer is larger than {self.max_bytes} bytes.")
        return bytes(content)


def _translated(error: Exception, exchange: Exchange, request: requests.PreparedRequest) -> OutboundError:
    host = urlsplit(request.url or "").hostname
    for cause in _causes(error):
        if isinstance(cause, OutboundError):
            return cause
    if exchange.expired or isinstance(error, requests.Timeout):
        return TimedOut(host)
    if isinstance(error, urllib3.exceptions.IncompleteRead | urllib3.exceptions.InvalidChunkLength):
        return Unreachable(f"The answer of {host} was cut off before its end.")
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable(f"The TLS certificate of {host} could not be verified.")
    return Unreachable(f"The connection to {host} failed ({type(error).__name__}).")


def _was_closed(error: Exception) -> bool:
    """Whether the server closed the connection before anything of its answer came."""
    return any(isinstance(cause, ConnectionError | ssl.SSLEOFError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def guard(
    session: requests.Session, reach: Reach, limits: Limits | None = None, *, keep_alive: bool = False
) -> requests.Session:
    """Make `session` (or a subclass's, such as OAuth2Session) a guarded one, within `limits` or the STANDARD ones.

    With `keep_alive` it keeps its connections until it is closed, and one thread at a time uses it. Its GETs must be
    safe to repeat: one that meets a connection which the server just closed is sent again, once, on a new one.
    """
    return mount(session, GuardedAdapter(reach, limits or STANDARD, keep_alive=keep_alive))


def mount(session: requests.Session, adapter: GuardedAdapter) -> requests.Session:
    """Let `session` reach the outside through this adapter only."""
    session.trust_env = False
    session.headers["User-Agent"] = USER_AGENT
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def get(url: str, reach: Reach, *, accept: str = "application/json", limits: Limits | None = None) -> requests.Response:
    """GET `url` in a guarded session of its own. Raises an OutboundError; any status is returned."""
    check_url(url, reach)  # requests has errors of its own for what is no address
    with guard(requests.Session(), reach, limits) as session:
        return session.get(url, headers={"Accept": accept})
