"""What a developer reads who listens to a workspace's events (`webhooks_listen`)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from webhooks.following import Feed
from webhooks.listening import Listener, Receiver
from webhooks.signing import new_secret

SECRET = new_secret()
BEGUN = "Listening. Ctrl-C ends it."


class Screen:
    """The lines that a developer reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def say(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait_for(self, words: str, times: int = 1) -> None:
        with self._changed:
            said = self._changed.wait_for(lambda: "\n".join(self.lines).count(words) >= times, timeout=30)
        assert said, (words, self.lines)


@contextmanager
def listening_to(
    address: str, key: str, *, to: str | None = None, types: frozenset[str] = frozenset()
) -> Iterator[Screen]:
    """Listens within the block, which begins when it does."""
    screen, stopping = Screen(), threading.Event()
    receiver = Receiver(to, SECRET) if to else None
    with Feed(address, key) as feed:
        listener = Listener(feed, receiver, types, screen.say)
        thread = threading.Thread(target=listener.run, args=(stopping,))
        thread.start()
        try:
            screen.wait_for(BEGUN)
            yield screen
        finally:
            stopping.set()
            thread.join(30)
