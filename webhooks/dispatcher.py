"""The part of a worker that delivers events: one thread for the database, and many for the receivers.

Its loop notes what has come of attempts, claims as much as it has room for, and waits: for an attempt to end, for new
deliveries to announce themselves, or for a second to pass. It keeps nothing that is not in the database.
"""

import logging
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.utils import connector_params

from common.stopping import stopping
from webhooks.announcing import CHANNEL
from webhooks.claiming import Busy, claim
from webhooks.outcomes import Ended, note
from webhooks.senders import Senders

AT_ONCE = 64
# What becomes due without an announcement is found so late at most.
POLLING_SECONDS = 1.0
# A few attempts that end together are noted together.
GATHERING_SECONDS = 0.01
# When what could not be noted is noted again.
AGAIN_SECONDS = 0.1
# When a worker looks again whether another one is done with claiming.
BUSY_SECONDS = 0.05

logger = logging.getLogger(__name__)


class Dispatcher:
    """Delivers events, `at_once` of them at once, until the process is to stop. `wake` may be called by any thread."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._senders = Senders(at_once, self.wake)
        self._unnoted: list[Ended] = []
        self._walk = Walk()
        self._is_kept_out = False
        self._woken, self._waking = socket.socketpair()
        self._waking.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)

    def wake(self) -> None:
        """Have the loop look at once."""
        with suppress(OSError):  # it has been told often enough, or has ended
            self._waking.send(b"\0")

    def run(self) -> None:
        """Return when the process is to stop, and what was under way has ended and is noted.

        Raises what the database raises when it is lost.
        """
        logger.info("delivering events")
        try:
            with _listening() as listening:
                self._selector.register(listening, selectors.EVENT_READ)
                while not stopping.is_set():
                    self._note()
                    self._claim()
                    self._wait(listening)
                while not self._senders.is_idle or self._unnoted:
                    self._note()
                    self._wait(listening)
        finally:
            connection.close()
            self._senders.close()
            for each in (self._selector, self._woken, self._waking):
                each.close()

    def _note(self) -> None:
        ended = self._unnoted + self._senders.ended()
        if ended:
            self._unnoted = note(ended, timezone.now())

    def _claim(self) -> None:
        self._is_kept_out = False
        if not self._goes_on():
            return
        try:
            claims, after = claim(self._senders.slots(), after=self._walk.after)
        except Busy:
            self._is_kept_out = True
            return
        self._walk.came_to(after)
        for each in claims:
            self._senders.start(each)

    def _goes_on(self) -> bool:
        """Whether something may be due that there is room for."""
        return not self._walk.is_over and self._senders.slots().free > 0 and not stopping.is_set()

    def _wait(self, listening: psycopg.Connection) -> None:
        ready = {key.fileobj for key, _ in self._selector.select(self._wait_seconds())}
        if listening in ready:
            for _ in listening.notifies(timeout=0):
                continue
        if self._woken in ready:
            time.sleep(GATHERING_SECONDS)
            self._woken.recv(65536)
        if ready or not self._goes_on():
            self._walk.begin_anew()

    def _wait_seconds(self) -> float:
        if self._goes_on():
            return BUSY_SECONDS if self._is_kept_out else 0
        return AGAIN_SECONDS if self._unnoted else POLLING_SECONDS


@dataclass
class Walk:
    """A walk around all endpoints with something to do, in steps (webhooks/claiming.py: claim).

    It is over when it has been at all of them since it was last to begin anew, which it does from where it is.
    """

    after: str = ""
    is_over: bool = False
    _is_whole: bool = True

    def begin_anew(self) -> None:
        self.is_over, self._is_whole = False, not self.after

    def came_to(self, after: str) -> None:
        """The step ended after this endpoint; empty for the last of all."""
        self.after = after
        if not after:
            self.is_over, self._is_whole = self._is_whole, True


def _listening() -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection of its own that is told when something may be due."""
    listening = psycopg.connect(**connector_params(), autocommit=True)
    listening.execute(f"LISTEN {CHANNEL}")
    return listening
