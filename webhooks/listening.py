"""Bringing a workspace's events to a developer's machine, as they would arrive at an endpoint."""

import json
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.utils import timezone

from common.outbound import Reach
from webhooks.following import Feed, FeedProblem, KeyRefused, Told
from webhooks.sending import send
from webhooks.signing import signature_headers

POLL_SECONDS = 1.0
# After so long it is asked again where there was a fault, the last one for ever; or when the server says.
FAULT_WAITS = [1.0, 2.0, 4.0, 8.0, 15.0, 30.0]
MAX_ASKED_SECONDS = 3600.0


@dataclass(frozen=True)
class Receiver:
    """Where events are forwarded to, and what they are signed with."""

    url: str
    secret: str

    def take(self, told: Told) -> str:
        """Send it once, and say what came of it."""
        body = json.dumps(told.body, ensure_ascii=False, separators=(",", ":")).encode()
        signatures = signature_headers([self.secret], event_id=told.id, body=body, now=timezone.now())
        answer = send(self.url, signatures, body, Reach.LOCAL)
        return str(answer.status) if answer.is_success else answer.problem


@dataclass(frozen=True)
class Listener:
    """Follows a feed, prints a line for each event, and forwards those of `types`; all of them if it has none."""

    feed: Feed
    receiver: Receiver | None
    types: Collection[str]
    say: Callable[[str], None]

    def run(self, stopping: threading.Event) -> None:
        """Until `stopping` is set. Raises KeyRefused if the API key is refused at the first question."""
        faults, has_begun, wait = 0, False, 0.0
        while not stopping.wait(wait):
            try:
                newer = self.feed.newer()
            except FeedProblem as problem:
                if isinstance(problem, KeyRefused) and not has_begun:
                    raise
                wait = _wait_after(problem, faults)
                faults += 1
                self.say(f"{problem} Asking again in {wait:.0f} s.")
                continue
            if faults or not has_begun:
                self.say("Listening. Ctrl-C ends it.")
            faults, has_begun, wait = 0, True, 0.0 if newer else POLL_SECONDS
            for told in newer:
                self.say(f"{told.type:<32} {told.id}  {self._outcome(told)}".rstrip())

    def _outcome(self, told: Told) -> str:
        if self.types and told.type not in self.types:
            return "not asked for"
        return f"→ {self.receiver.take(told)}" if self.receiver else ""


def _wait_after(problem: FeedProblem, earlier_faults: int) -> float:
    own = FAULT_WAITS[min(earlier_faults, len(FAULT_WAITS) - 1)]
    return max(own, min(problem.wait_seconds, MAX_ASKED_SECONDS))
