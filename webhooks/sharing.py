"""Who gets the free slots of a worker: a receiver that is slow, or dead, or flooded, holds up no other.

A worker has so many slots, each for one request at a time. They are given out one by one, each to the workspace that
has the fewest, and within it to the endpoint that has the fewest, as far as these rules allow:

- an endpoint has at most AT_ONCE at once over all workers, and one alone while it is failing;
- endpoints in trouble, which are those that fail and those that take long, have at most half of a worker together;
- a workspace has at most three quarters of a worker.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

AT_ONCE = 8
AT_ONCE_WHILE_FAILING = 1


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What is due at one endpoint. `under_way` counts its requests at all workers."""

    endpoint_id: str
    organization_id: str
    due: int
    due_since: datetime
    under_way: int = 0
    is_failing: bool = False
    is_slow: bool = False

    @property
    def is_in_trouble(self) -> bool:
        return self.is_failing or self.is_slow

    @property
    def room(self) -> int:
        """How many more it may have, if nobody else wants any."""
        at_once = AT_ONCE_WHILE_FAILING if self.is_failing else AT_ONCE
        return max(0, min(self.due, at_once - self.under_way))


@dataclass
class Slots:
    """The slots of one worker, and who has them."""

    total: int
    by_organization: Counter[str] = field(default_factory=Counter)
    in_trouble: int = 0

    @property
    def free(self) -> int:
        return self.total - self.by_organization.total()

    def may_take(self, queue: Queue) -> bool:
        if queue.is_in_trouble and self.in_trouble >= max(1, self.total // 2):
            return False
        most = max(1, self.total - max(1, self.total // 4))
        return self.free > 0 and self.by_organization[queue.organization_id] < most

    def take(self, queue: Queue) -> None:
        self.by_organization[queue.organization_id] += 1
        self.in_trouble += queue.is_in_trouble


def share(queues: Iterable[Queue], slots: Slots) -> dict[str, int]:
    """How many slots each endpoint gets, by its id; those that get none are left out. `slots` has them taken then.

    Among equals whoever has waited longest comes first.
    """
    given: Counter[str] = Counter()
    waiting = [(_standing(queue, slots, given), queue) for queue in queues if queue.room]
    heap = [(standing, place) for place, (standing, _) in enumerate(waiting)]
    heapq.heapify(heap)
    while heap and slots.free > 0:
        standing, place = heapq.heappop(heap)
        queue = waiting[place][1]
        current = _standing(queue, slots, given)
        if current > standing:  # its workspace got some meanwhile
            heapq.heappush(heap, (current, place))
        elif slots.may_take(queue):
            slots.take(queue)
            given[queue.endpoint_id] += 1
            if given[queue.endpoint_id] < queue.room:
                heapq.heappush(heap, (_standing(queue, slots, given), place))
    return dict(given)


def _standing(queue: Queue, slots: Slots, given: Counter[str]) -> tuple[int, int, datetime]:
    """The lower, the sooner it is its turn."""
    has = queue.under_way + given[queue.endpoint_id]
    return slots.by_organization[queue.organization_id], has, queue.due_since
