"""A patient's record at a portal, and how the portal misbehaves about it."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.portals.listener import Answer, Request

FHIR = {"Content-Type": "application/fhir+json"}
Fault = Callable[[Request], Answer | None]


@dataclass
class Chart:
    """Answers reads and searches. `bodies` are the resources of each type, as JSON text, in order.

    A fault of a type is asked before the good answer is given; None lets it through. `asked` has what came, in order.
    """

    base: str
    patient: str
    bodies: dict[str, list[str]] = field(default_factory=dict)
    page_size: int = 2
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, resource_type: str, *identifiers: str, **content: object) -> None:
        for identifier in identifiers:
            body = {"resourceType": resource_type, "id": identifier, **content}
            self.bodies.setdefault(resource_type, []).append(json.dumps(body))

    def __call__(self, request: Request, below_base: str) -> Answer:
        with self.lock:
            self.asked.append(request)
        kind, _, identifier = below_base.partition("/")
        spoilt = self.faults[kind](request) if kind in self.faults else None
        if spoilt is not None:
            return spoilt
        if identifier:
            return self._read(kind, identifier)
        return self._searched(kind, request)

    def searches(self, kind: str) -> list[Mapping[str, str]]:
        """The parameters of each search of a type, pages after the first left out."""
        path = f"/{kind}"
        queries = [request.query for request in self.asked if request.path.endswith(path)]
        return [query for query in queries if "_offset" not in query]

    def paths(self) -> list[str]:
        """What was asked, without the base."""
        return [request.path.removeprefix("/fhir/r4/") for request in self.asked]

    def _read(self, kind: str, identifier: str) -> Answer:
        for body in self.bodies.get(kind, []):
            if json.loads(body)["id"] == identifier:
                return Answer(200, body.encode(), FHIR)
        return outcome(404, "There is no such resource.")

    def _searched(self, kind: str, request: Request) -> Answer:
        start = int(request.query.get("_offset", 0))
        bodies, end = self._changed(kind, request), start + self.page_size
        link = ""
        if end < len(bodies):
            query = urlencode({**request.query, "_offset": end})
            link = f'"link": [{{"relation": "next", "url": "{self.base}/{kind}?{query}"}}],'
        entries = ", ".join(f'{{"resource": {body}}}' for body in bodies[start:end])
        text = f'{{"resourceType": "Bundle", "type": "searchset", {link} "entry": [{entries}]}}'
        return Answer(200, text.encode(), FHIR)

    def _changed(self, kind: str, request: Request) -> list[str]:
        since = request.query.get("_lastUpdated", "").removeprefix("ge")
        bodies = self.bodies.get(kind, [])
        return [
            body for body in bodies if not since or json.loads(body).get("meta", {}).get("lastUpdated", "") >= since
        ]


def outcome(status: int, words: str, **headers: str) -> Answer:
    """An OperationOutcome."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    issue = [{"severity": "error", "code": "processing", "diagnostics": words}]
    content = json.dumps({"resourceType": "OperationOutcome", "issue": issue})
    return Answer(status, content.encode(), FHIR | named)


def always(status: int, words: str = "No.", **headers: str) -> Fault:
    return lambda request: outcome(status, words, **headers)


def first(times: int, fault: Fault) -> Fault:
    """The fault for so many requests, then none."""
    left = [times]

    def spoil(request: Request) -> Answer | None:
        left[0] -= 1
        return fault(request) if left[0] >= 0 else None

    return spoil


def after(times: int, fault: Fault) -> Fault:
    """No fault for so many requests, then this one."""
    left = [times]

    def spoil(request: Request) -> Answer | None:
        left[0] -= 1
        return None if left[0] >= 0 else fault(request)

    return spoil
