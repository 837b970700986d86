"""Rates: so many requests in so long, refilling evenly (the generic cell rate algorithm, GCRA).

Per name one number is kept: the moment at which its whole allowance will be there again. A name whose moment has
passed is the same as one that was never seen, so that it can be forgotten without anybody noticing.
"""

import re
import threading
import time
from dataclasses import dataclass
from typing import Protocol

SECOND = 1_000_000  # everything below is counted in microseconds
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"([1-9][0-9]{0,6})/(second|minute|hour|day)", re.ASCII)
MAX_NAMES = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` requests at once, and one more with every `interval` that passes."""

    limit: int
    interval: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """From `1000/minute`. Raises ValueError for anything else."""
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no rate: write a number and second, minute, hour or day, as in 1000/minute")
        limit = int(match[1])
        return cls(limit=limit, interval=max(1, _PERIODS[match[2]] * SECOND // limit))

    @property
    def period(self) -> int:
        return self.limit * self.interval


@dataclass(frozen=True, slots=True)
class Standing:
    """What a request was told: whether it may go on, and what is left. Times are whole seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int


class Counter(Protocol):
    def count(self, name: str, rate: Rate) -> Standing:
        """Count one request of `name`. A request that is refused costs nothing."""


def standing(rate: Rate, *, allowed: bool, used: int) -> Standing:
    """The standing of a name whose whole allowance is there again in `used` microseconds."""
    return Standing(
        allowed=allowed,
        limit=rate.limit,
        remaining=(rate.period - used) // rate.interval if allowed else 0,
        reset=_whole_seconds(used),
        retry_after=0 if allowed else max(1, _whole_seconds(used + rate.interval - rate.period)),
    )


class MemoryCounter:
    """Counts in this process, for at most `max_names` names: the longest unseen are forgotten first."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        self._full_again: dict[str, int] = {}
        self._changing = threading.Lock()

    def count(self, name: str, rate: Rate) -> Standing:
        with self._changing:
            # The clock is read inside, so that no thread goes back in time.
            now = time.monotonic_ns() // 1000
            used = max(self._full_again.pop(name, now) - now, 0)
            allowed = used + rate.interval <= rate.period
            if allowed:
                used += rate.interval
            self._full_again[name] = now + used
            if len(self._full_again) > self._max_names:
                self._forget(now)
        return standing(rate, allowed=allowed, used=used)

    def _forget(self, now: int) -> None:
        """Drop who has the whole allowance again; then, so that this is rare, the longest unseen quarter."""
        self._full_again = {name: moment for name, moment in self._full_again.items() if moment > now}
        excess = len(self._full_again) - self._max_names * 3 // 4
        for name in list(self._full_again)[: max(excess, 0)]:
            del self._full_again[name]

    def forget_all(self) -> None:
        with self._changing:
            self._full_again.clear()

    def __len__(self) -> int:
        return len(self._full_again)


def _whole_seconds(microseconds: int) -> int:
    return -(-microseconds // SECOND)
