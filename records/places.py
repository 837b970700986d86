"""Room for a few that take long: so many at once, and not all of them for one workspace."""

import threading
from collections import Counter

from common.errors import Throttled, Unavailable

# When to try again, for a workspace whose own readers are in the way. Nobody knows when they will be done.
RETRY_SECONDS = 30


class Places:
    """`at_once` places in this process, of which one workspace gets no more than `of_one_workspace`."""

    def __init__(self, at_once: int, of_one_workspace: int) -> None:
        self._at_once = at_once
        self._of_one_workspace = of_one_workspace
        self._taken: Counter[str] = Counter()
        self._changing = threading.Lock()

    def take(self, organization_id: str) -> None:
        """To be given back. Raises Throttled where the workspace has its share, Unavailable where all are taken."""
        with self._changing:
            if self._taken[organization_id] >= self._of_one_workspace:
                raise Throttled(
                    f"Your workspace is reading {self._of_one_workspace} streams of records already. "
                    "Try again when one of them has ended.",
                    retry_after=RETRY_SECONDS,
                )
            if self._taken.total() >= self._at_once:
                raise Unavailable("Too many are reading whole records at this moment. Try again in a few seconds.")
            self._taken[organization_id] += 1

    def give_back(self, organization_id: str) -> None:
        with self._changing:
            self._taken[organization_id] -= 1
            if not self._taken[organization_id]:
                del self._taken[organization_id]  # else workspaces that are long gone would add up

    def taken(self) -> int:
        """How many are taken."""
        with self._changing:
            return self._taken.total()
