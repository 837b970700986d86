"""One attempt: what is sent to a receiver, and what came of it."""

import codecs
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import requests
import urllib3

from common import outbound
from common.outbound.session import GuardedAdapter, mount

# Connecting, TLS and the answer together. Whoever has not begun to answer by then has not received it.
SECONDS = 5.0
KEPT_BYTES = 4096
MAX_PROBLEM = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of an attempt. `problem` says in words for staff why it does not count, and is empty if it does."""

    status: int | None = None
    problem: str = ""
    # The first 4 KB of the answer.
    text: str = ""
    retry_after: str = ""
    duration: timedelta = timedelta(0)

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send(url: str, headers: Mapping[str, str], body: bytes, reach: outbound.Reach) -> Answer:
    """POST an event to its receiver. Never raises.

    What counts are the status and the headers, if they are here within SECONDS; of the rest is read what comes until
    then. Redirects are not followed. Only looking up the receiver's name may take longer: nothing interrupts that.
    """
    started = time.monotonic()
    problem, adapter = "", _Listening(reach)
    # What an answer is packed in is not unpacked: staff read the beginning of it, and a small one may become huge.
    asking = {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}
    try:
        with mount(requests.Session(), adapter) as session:
            session.post(url, data=body, headers=asking | dict(headers), allow_redirects=False)
    except outbound.OutboundError as error:
        problem = str(error)
    except requests.RequestException as error:  # its words have the address, which may be a secret
        problem = f"It could not be sent ({type(error).__name__})."
    except Exception as error:  # whatever this receiver says, the others get theirs
        logger.exception("sending an event failed in an unforeseen way")
        problem = f"It could not be sent ({type(error).__name__})."
    return Answer(
        status=adapter.status,
        problem=_why(adapter.status, problem),
        text=_readable(bytes(adapter.body)),
        retry_after=adapter.retry_after,
        duration=timedelta(seconds=time.monotonic() - started),
    )


def _why(status: int | None, problem: str) -> str:
    if status is None:
        return (problem or "There was no answer.")[:MAX_PROBLEM]
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"The receiver answered with a redirect (status {status}), which is not followed."
    return f"The receiver answered with status {status}."


def _readable(body: bytes) -> str:
    """As text, with a mark for whatever is none. A character that was cut through at the end is left out."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(body[:KEPT_BYTES])
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


class _Listening(GuardedAdapter):
    """Notes what counts as soon as it is here, whatever comes after it."""

    def __init__(self, reach: outbound.Reach) -> None:
        super().__init__(reach, outbound.Limits(seconds=SECONDS, max_bytes=KEPT_BYTES))
        self.status: int | None = None
        self.retry_after = ""
        self.body = bytearray()

    def _read(self, response: requests.Response) -> bytes:
        self.status = response.status_code
        self.retry_after = response.headers.get("Retry-After", "").strip()
        if "Content-Encoding" not in response.headers:
            self._listen(response.raw)
        return b""

    def _listen(self, raw: urllib3.HTTPResponse) -> None:
        try:
            while len(self.body) < KEPT_BYTES and (some := raw.read1(KEPT_BYTES, decode_content=False)):
                self.body += some
        except (urllib3.exceptions.HTTPError, OSError):  # cut off, or out of time
            return
