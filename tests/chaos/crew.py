"""Workers that are killed at random moments, and what can be seen of it meanwhile."""

import random
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from patients.holding import holding
from patients.models import Connection, ConnectionStatus
from records.models import OPEN, Pull, PullKind
from records.operations import request_pull
from tests.chaos.processes import Process
from tests.chaos.worker import LEASE

# How long a worker works before it may be killed.
AT_WORK_SECONDS = (0.1, 3.0)
GLANCE_SECONDS = 0.05


class Crew:
    """So many workers at once. One that is killed has its successor at once, as a supervisor would see to."""

    def __init__(self, start: Callable[..., Process], size: int, chance: random.Random) -> None:
        self._start, self._chance = start, chance
        self.workers = [start("--hurry") for _ in range(size)]
        self.kills = 0

    def choose(self) -> tuple[int, float]:
        """Who is killed next, and how long after they have begun to work."""
        for worker in self.workers:
            worker.check()
        return self._chance.randrange(len(self.workers)), self._chance.uniform(*AT_WORK_SECONDS)

    def kill(self, place: int) -> None:
        self.workers[place].kill()
        self.kills += 1
        self.workers[place] = self._start("--hurry")

    def stop(self) -> None:
        assert [worker.stop() for worker in self.workers] == [0] * len(self.workers)


class Watch:
    """Looks at pulls again and again. `recoveries` are the seconds for which those of dead workers stood still."""

    def __init__(self, connections: Iterable[Connection]) -> None:
        self._ids = [connection.pk for connection in connections]
        self._last: dict[str, tuple[int, datetime | None]] = {}
        self.recoveries: list[float] = []

    def glance(self) -> None:
        now = timezone.now()
        for pk, turn, wake_at in Pull.objects.filter(connection__in=self._ids).values_list("pk", "turn", "wake_at"):
            before_turn, before_wake = self._last.get(pk, (turn, wake_at))
            if turn != before_turn and before_turn and before_wake and before_wake <= now:
                self.recoveries.append((now - before_wake + LEASE).total_seconds())
            self._last[pk] = (turn, wake_at)

    def wait(self, is_over: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not is_over():
            assert time.monotonic() < deadline, f"It takes too long: {self._state()}"
            self.glance()
            time.sleep(GLANCE_SECONDS)

    def _state(self) -> list[tuple[str, str, int, str]]:
        pulls = Pull.objects.filter(connection__in=self._ids, status__in=OPEN)
        return list(pulls.values_list("pk", "status", "turn", "problem"))


def pull_again(connections: Iterable[Connection]) -> None:
    """A further pull for each connection whose last one has ended."""
    for connection in Connection.objects.filter(
        pk__in=[each.pk for each in connections], status=ConnectionStatus.ACTIVE
    ).exclude(pulls__status__in=OPEN):
        with holding(connection.patient_id):
            request_pull(connection, PullKind.MANUAL, timezone.now())


def all_ended(connections: Iterable[Connection]) -> bool:
    return not Pull.objects.filter(connection__in=list(connections), status__in=OPEN).exists()


def let_access_end(connections: Iterable[Connection], chance: random.Random) -> None:
    """One of them has to be renewed before it is used again, as if its time had come."""
    connection = chance.choice(list(connections))
    now = timezone.now()
    Connection.objects.filter(pk=connection.pk, status=ConnectionStatus.ACTIVE, spending_since=None).update(
        access_expires_at=now, access_obtained_at=now - timedelta(hours=1)
    )
