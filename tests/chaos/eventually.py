"""Waiting for what other processes do."""

import time
from collections.abc import Callable


def eventually(is_so: Callable[[], object], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.005)
