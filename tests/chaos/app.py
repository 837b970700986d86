"""An app with a server: it makes things happen through the API, and is told of them at its endpoint.

It does what the documents tell apps to: whatever is not answered is asked again, with the same idempotency key.
"""

import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import requests
from standardwebhooks import Webhook

from tests.portals import Answer, Listener, Request

# What a server that is on its way down or up may answer. 500 is none of it (contract §2).
TEMPORARY = {429, 502, 503, 504}
AGAIN_SECONDS = 0.1
# Of so many requests the receiver answers one with an error.
REFUSED_OF = 20


@dataclass(frozen=True)
class Told:
    """One request that arrived at the endpoint, and what it was answered."""

    id: str
    content: dict[str, Any]
    status: int


class Endpoint:
    """Where the app is told. It checks every signature, as the standard's own library does, and refuses some."""

    def __init__(self, chance: random.Random) -> None:
        self.told: list[Told] = []
        self.secret = ""
        self._chance, self._one_at_a_time = chance, threading.Lock()
        self._listener = Listener("endpoint", self._answer)

    @property
    def url(self) -> str:
        return f"{self._listener.origin}/hooks"

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    def _answer(self, request: Request) -> Answer:
        content = Webhook(self.secret).verify(request.body, dict(request.headers))
        with self._one_at_a_time:
            status = 200 if self._chance.randrange(REFUSED_OF) else 500
            self.told.append(Told(request.headers["webhook-id"], content, status))
        return Answer(status)


class App:
    """So many threads that each make flows and end them, `count` in all. `ended` has the ids of the flows."""

    def __init__(self, address: str, key: str, count: int, threads: int) -> None:
        self.ended: list[str] = []
        self.unanswered = Counter[str]()
        self._address, self._key = address, key
        self._left, self._count = iter(range(count)), count
        self._one_at_a_time, self._stopping = threading.Lock(), threading.Event()
        self._problems: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def is_done(self) -> bool:
        if self._problems:
            raise self._problems[0]
        return len(self.ended) == self._count

    def _work(self) -> None:
        try:
            with requests.Session() as session:
                session.headers["Authorization"] = f"Bearer {self._key}"
                while (number := self._next()) is not None and not self._stopping.is_set():
                    flow = self._insist(session, "/patient-flows", body_of(number))
                    ended = self._insist(session, f"/patient-flows/{flow['id']}/expire", {})
                    assert ended["status"] == "expired"
                    self.ended.append(flow["id"])
        except Stopped:
            pass
        except BaseException as problem:  # noqa: BLE001  raised where the test looks
            self._problems.append(problem)

    def _next(self) -> int | None:
        with self._one_at_a_time:
            return next(self._left, None)

    def _insist(self, session: requests.Session, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST until it is done."""
        once = {"Idempotency-Key": str(uuid.uuid4())}
        while not self._stopping.is_set():
            try:
                answer = session.post(self._address + path, json=body, headers=once, timeout=15)
            except requests.RequestException as problem:
                self.unanswered[type(problem).__name__] += 1
            else:
                if answer.ok:
                    return answer.json()
                self.unanswered[str(answer.status_code)] += 1
                assert answer.status_code in TEMPORARY, f"{answer.status_code} at {path}: {answer.text}"
            time.sleep(AGAIN_SECONDS)
        raise Stopped


class Stopped(Exception):
    """The test has ended."""


def body_of(number: int) -> dict[str, Any]:
    return {"patient_id": f"p-{number}", "return_url": "https://app.example/back", "expires_in": 86400}
