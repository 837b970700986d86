"""Following a workspace's feed of events over HTTP, on any server of this kind (`manage.py webhooks_listen`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import requests
from django.utils import timezone

from common import outbound

LIMITS = outbound.Limits(seconds=20, max_bytes=32 * 1024 * 1024)
_KEY_REFUSED = (requests.codes.unauthorized, requests.codes.forbidden)


class FeedProblem(Exception):
    """There is nothing from the feed now, and why. `wait_seconds` is what the server asks to wait for, or 0."""

    def __init__(self, message: str, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class KeyRefused(FeedProblem):
    """The API key is not known there, or may not read events."""


@dataclass(frozen=True)
class Told:
    """An event of the feed."""

    id: str
    type: str
    api_version: str
    created_at: str
    object: Any

    @property
    def body(self) -> dict[str, Any]:
        """What an endpoint would be sent of it (webhooks/writing.py), but for the id, which is that of the feed."""
        return {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "api_version": self.api_version,
            "created_at": self.created_at,
            "fact_id": self.id,
            "data": {"object": self.object},
        }


class Feed:
    """What happens in a workspace from the first question on. Close it, or use a `with`."""

    def __init__(self, base_url: str, api_key: str) -> None:
        """Raises AddressRefused for an address that is none, and plain http to a public one."""
        self._address = f"{base_url.rstrip('/')}/events"
        outbound.check_url(self._address, outbound.Reach.LOCAL)
        self._session = outbound.guard(requests.Session(), outbound.Reach.LOCAL, LIMITS, keep_alive=True)
        self._session.headers["Authorization"] = f"Bearer {api_key}"
        self._cursor: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def newer(self) -> list[Told]:
        """What came since the last time, oldest first, none twice. The first time, nothing: it begins there.

        Raises FeedProblem; nothing is missed by that, but where it says so.
        """
        page = self._page({"limit": "100", "ending_before": self._cursor} if self._cursor else {"limit": "1"})
        try:
            events = [_told(entry) for entry in reversed(page["data"])] if self._cursor else []
            self._cursor = str(page["previous_cursor"])
        except (KeyError, TypeError, ValueError) as error:
            raise FeedProblem(f"{self._address} does not answer with a feed of events.") from error
        return events

    def _page(self, query: Mapping[str, str]) -> Any:
        try:
            answer = self._session.get(self._address, params=query)
        except outbound.OutboundError as error:
            raise FeedProblem(str(error)) from error
        if answer.status_code == requests.codes.ok:
            return _json(answer)
        if answer.status_code == requests.codes.bad_request and self._cursor:
            # As a feed does that was put back to an earlier state (webhooks/feed.py).
            self._cursor = None
            raise FeedProblem(f"{_words(answer)} Following from now on; what happened meanwhile was not seen.")
        kind = KeyRefused if answer.status_code in _KEY_REFUSED else FeedProblem
        raise kind(_words(answer), _wait_seconds(answer))


def _told(entry: Any) -> Told:
    return Told(
        id=str(entry["id"]),
        type=str(entry["type"]),
        api_version=str(entry["api_version"]),
        created_at=str(entry["created_at"]),
        object=entry["data"]["object"],
    )


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _words(answer: requests.Response) -> str:
    """The status, and the message of the API's error envelope where there is one."""
    said = _json(answer)
    error = said.get("error") if isinstance(said, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f"The server answered {answer.status_code}" + (f": {message}" if message else ".")


def _wait_seconds(answer: requests.Response) -> float:
    wait = outbound.retry_after(answer.headers.get("Retry-After", ""), timezone.now())
    return wait.total_seconds() if wait else 0.0
