"""Turns: a few requests of a process compute at once, the others wait a moment for theirs.

Threads of one Python process take the interpreter away from each other; with sixteen at work the slowest answers
take three times as long as with two, and all together take longer. Threads are still needed in numbers, because
some wait for portals: those give up their turn meanwhile.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# One computes while the other waits for PostgreSQL. With four, the slowest of 100 searches take half as long again.
AT_ONCE = 2
# A request that holds its turn for long delays the others by no more than this.
PATIENCE_SECONDS = 0.25


class Turns:
    """`at_once` threads have a turn, in the order in which they came.

    One that gets none within `patience` seconds goes on without. (A semaphore has no order: who gives a turn back
    takes the next one before those who wait for it wake up.)
    """

    def __init__(self, at_once: int, patience: float) -> None:
        self._free = at_once
        self._patience = patience
        self._waiting: deque[threading.Lock] = deque()
        self._changing = threading.Lock()
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute in here. Not to be nested."""
        self._take()
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Wait for somebody else's server in here: another thread has the turn meanwhile, if this one had any."""
        had_one = self._give_back()
        try:
            yield
        finally:
            if had_one:
                self._take()

    def _take(self) -> None:
        with self._changing:
            if self._free:
                self._free -= 1
                self._mine.turn = True
                return
            call = threading.Lock()
            call.acquire()
            self._waiting.append(call)
        self._mine.turn = call.acquire(timeout=self._patience) or not self._gave_up(call)

    def _gave_up(self, call: threading.Lock) -> bool:
        """Leave the queue; False where the turn came at the last moment."""
        with self._changing:
            if call in self._waiting:
                self._waiting.remove(call)
                return True
        return False

    def _give_back(self) -> bool:
        had_one: bool = getattr(self._mine, "turn", False)
        self._mine.turn = False
        if had_one:
            with self._changing:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._free += 1
        return had_one


turns = Turns(AT_ONCE, PATIENCE_SECONDS)


@contextmanager
def waiting_outside() -> Iterator[None]:
    """Wait for somebody else's server in here, holding neither a turn nor a connection to the database.

    Else sixteen patients of a portal that hangs would have all the connections there are.
    """
    let_go_of_database()
    with turns.lent():
        yield


def let_go_of_database() -> None:
    """Give this thread's connection back to the pool, unless a transaction needs it. The next query takes one again."""
    if not connection.in_atomic_block:
        connection.close()
