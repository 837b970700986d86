"""Who gets the free slots of a worker: a receiver that is slow, or dead, or flooded, holds up no other.

A worker has so many slots, each for one request at a time. They are given out one by one, each to the workspace that
has the fewest, and within it to the endpoint that has the fewest, as far as these rules allow:

- an endpoint has at most AT_ONCE at once over all workers, and one alone while it fails or was never sent anything;
- endpoints in trouble, which are those that fail and those that take long, have at most half of a worker together, and
  with those that nothing was sent to yet three quarters: the rest is for those that are known to be well;
- a workspace has at most three quarters of a worker.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

AT_ONCE = 8
AT_ONCE_WHILE_FAILING = 1
AT_ONCE_AT_FIRST = 1


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What is due at one endpoint. `under_way` counts its requests at all workers.

    `is_slow` says that one of these takes long, `is_quick` that the last that ended did not; None before the first.
    """

    endpoint_id: str
    organization_id: str
    due: int
    due_since: datetime
    under_way: int = 0
    is_failing: bool = False
    is_slow: bool = False
    is_quick: bool | None = None

    @property
    def is_in_trouble(self) -> bool:
        return self.is_failing or self.is_slow or self.is_quick is False

    @property
    def is_untried(self) -> bool:
        return self.is_quick is None and not self.is_in_trouble

    @property
    def is_well(self) -> bool:
        return not self.is_in_trouble and not self.is_untried

    @property
    def room(self) -> int:
        """How many more it may have, if nobody else wants any."""
        return max(0, min(self.due, self._at_once - self.under_way))

    @property
    def _at_once(self) -> int:
        if self.is_failing:
            return AT_ONCE_WHILE_FAILING
        return AT_ONCE_AT_FIRST if self.is_quick is None else AT_ONCE


@dataclass
class Slots:
    """The slots of one worker, and who has them."""

    total: int
    by_organization: Counter[str] = field(default_factory=Counter)
    in_trouble: int = 0
    untried: int = 0

    @property
    def free(self) -> int:
        return self.total - self.by_organization.total()

    def may_take(self, queue: Queue) -> bool:
        half, most = max(1, self.total // 2), max(1, self.total - max(1, self.total // 4))
        if queue.is_in_trouble and self.in_trouble >= half:
            return False
        if not queue.is_well and self.in_trouble + self.untried >= most:
            return False
        return self.free > 0 and self.by_organization[queue.organization_id] < most

    def take(self, queue: Queue) -> None:
        self.by_organization[queue.organization_id] += 1
        self.in_trouble += queue.is_in_trouble
        self.untried += queue.is_untried


def share(queues: Iterable[Queue], slots: Slots) -> dict[str, int]:
    """How many slots each endpoint gets, by its id; those that get none are left out. `slots` has them taken then.

    Among equals those that are known to be well come first, those in trouble last, and else whoever has waited longest.
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


def _standing(queue: Queue, slots: Slots, given: Counter[str]) -> tuple[int, int, bool, bool, datetime]:
    """The lower, the sooner it is its turn."""
    has = queue.under_way + given[queue.endpoint_id]
    return slots.by_organization[queue.organization_id], has, not queue.is_well, queue.is_in_trouble, queue.due_since
