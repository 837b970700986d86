"""The threads that send. They do HTTP and nothing else; none has a connection to the database."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from queue import SimpleQueue

from cryptography.fernet import InvalidToken
from django.utils import timezone

from webhooks.claiming import SLOW, Claim
from webhooks.outcomes import Ended
from webhooks.sending import SECONDS, Answer, send
from webhooks.sharing import Slots
from webhooks.signing import signature_headers

logger = logging.getLogger(__name__)

# An attempt ends by itself after SECONDS, unless it hangs where nothing interrupts it, as in looking up a name.
GRACE_SECONDS = 1.0
# So many threads may hang, for each slot, before there are fewer slots.
STRAYS_PER_SLOT = 2
TOO_LONG = f"It took longer than {SECONDS:g} seconds: looking up the receiver's name hangs."


def attempt(claim: Claim) -> Answer:
    """Sign what is claimed, and send it."""
    try:
        body, secrets = claim.opened()
        headers = signature_headers(secrets, event_id=claim.public_id, body=body, now=claim.started_at)
    except InvalidToken:
        return Answer(problem="It cannot be decrypted: its key is not among ENCRYPTION_KEYS.")
    except ValueError:
        return Answer(problem="It cannot be signed: the endpoint's secret is none.")
    return send(claim.endpoint.url, headers, body, claim.reach)


@dataclass(frozen=True)
class _Running:
    claim: Claim
    began: float = field(default_factory=time.monotonic)


class Senders:
    """At most `total` attempts at once. `tell` is called by each thread that has ended one: `ended` has it then.

    One thread uses it, which is told by the others. A thread that hangs is replaced, and listened to no more.
    """

    def __init__(self, total: int, tell: Callable[[], None]) -> None:
        self._total, self._tell = total, tell
        self._claims: SimpleQueue[Claim | None] = SimpleQueue()
        self._said: SimpleQueue[Ended] = SimpleQueue()
        self._running: dict[int, _Running] = {}
        self._strays = 0
        for _ in range(total):
            self._add_thread()

    @property
    def is_idle(self) -> bool:
        return not self._running

    def slots(self) -> Slots:
        """Who has the slots now."""
        slow = time.monotonic() - SLOW.total_seconds()
        in_trouble = [each.claim.is_in_trouble or each.began < slow for each in self._running.values()]
        untried = [each.claim.is_untried for each in self._running.values()]
        return Slots(
            total=self._total - max(0, self._strays - STRAYS_PER_SLOT * self._total),
            by_organization=Counter(each.claim.organization_id for each in self._running.values()),
            in_trouble=sum(in_trouble),
            untried=sum(new and not bad for new, bad in zip(untried, in_trouble, strict=True)),
        )

    def start(self, claim: Claim) -> None:
        self._running[claim.attempt_id] = _Running(claim)
        self._claims.put(claim)

    def ended(self) -> list[Ended]:
        """What has come to its end since this was last called, and what is given up now."""
        ended = []
        for said in [self._said.get() for _ in range(self._said.qsize())]:
            if self._running.pop(said.claim.attempt_id, None):
                ended.append(said)
            else:
                self._strays -= 1
                self._claims.put(None)  # there is one thread too many
        overdue = time.monotonic() - SECONDS - GRACE_SECONDS
        given_up = [running for running in self._running.values() if running.began < overdue]
        return ended + [self._give_up(running) for running in given_up]

    def close(self) -> None:
        """Let the threads end. Those that hang end by themselves, or with the process."""
        for _ in range(self._total + self._strays):
            self._claims.put(None)

    def _give_up(self, running: _Running) -> Ended:
        del self._running[running.claim.attempt_id]
        self._strays += 1
        self._add_thread()
        answer = Answer(problem=TOO_LONG, duration=timedelta(seconds=time.monotonic() - running.began))
        return Ended(running.claim, answer, timezone.now())

    def _add_thread(self) -> None:
        threading.Thread(target=self._work, name="delivery", daemon=True).start()

    def _work(self) -> None:
        while (claim := self._claims.get()) is not None:
            try:
                answer = attempt(claim)
            except Exception as error:  # a thread less would be an attempt that never ends
                logger.exception("an event could not be sent")
                answer = Answer(problem=f"It could not be sent ({type(error).__name__}).")
            self._said.put(Ended(claim, answer, timezone.now()))
            self._tell()
