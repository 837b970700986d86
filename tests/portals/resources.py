"""The FHIR side: a few resources of one patient, for who has a token."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .choices import Choices
from .faults import spoil
from .grants import Grants, Issued
from .listener import Answer, Request
from .tokens import granted_scopes

SCOPE = re.compile(r"(?:patient|user)/(?P<kind>\*|[A-Z][A-Za-z]+)\.(?P<may>\*|read|write|[cruds]+)(?:\?.*)?")
SEARCHABLE = ("Patient", "Observation", "Condition")


# What a test puts in place of the few resources: it gets the request and the path below the base URL.
Chart = Callable[[Request, str], Answer]


class DeniedError(Exception):
    """A FHIR request that gets an OperationOutcome."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass
class Resources:
    """Reads and searches under the base URL."""

    choices: Choices
    grants: Grants
    violations: list[str]
    fhir_base: str
    elsewhere: str
    chart: Chart | None = None

    def answer(self, request: Request, below_base: str) -> Answer:
        """`below_base` is the path after the base URL, without a slash in front."""
        try:
            issued = self._token_of(request)
            if self.chart is not None:
                return self.chart(request, below_base)
            content = self._found(request, issued, *below_base.split("/"))
        except DeniedError as denied:
            return outcome(denied)
        fault, where = self.choices.resource_fault, self.elsewhere + request.path
        return spoil(fault, self.choices, where, lambda: fhir(content))

    def _token_of(self, request: Request) -> Issued:
        """The bearer token. One that has ended is no violation: the client cannot know before it asks."""
        scheme, _, text = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            self.violations.append(f"{request.path} was asked for without a bearer token.")
            raise DeniedError(401, "A bearer token is needed.")
        issued = self.grants.access.get(text)
        if issued is None:
            self.violations.append(f"{request.path} was asked for with a token that this portal did not issue.")
            raise DeniedError(401, "The token is unknown.")
        if not issued.is_good():
            raise DeniedError(401, "The token has ended.")
        return issued

    def _found(self, request: Request, issued: Issued, kind: str, *rest: str) -> dict[str, Any]:
        if request.method != "GET" or kind not in SEARCHABLE or len(rest) > 1:
            raise DeniedError(404, "There is no such resource.")
        self._require_scope(issued, kind, "r" if rest else "s")
        if not rest:
            return self._searched(request, kind)
        for resource in self._all(kind):
            if resource["id"] == rest[0]:
                return resource
        raise DeniedError(404, "There is no such resource.")

    def _require_scope(self, issued: Issued, kind: str, act: str) -> None:
        for word in granted_scopes(self.choices, issued.grant):
            scope = SCOPE.fullmatch(word)
            if scope and scope["kind"] in {"*", kind} and (scope["may"] in {"*", "read"} or act in set(scope["may"])):
                return
        raise DeniedError(403, f"The patient's permission does not cover {kind}.")

    def _searched(self, request: Request, kind: str) -> dict[str, Any]:
        asked = request.query.get("_id" if kind == "Patient" else "patient", "")
        if asked.removeprefix("Patient/") != self.choices.patient_id:
            raise DeniedError(403, "The search is not for the patient of this token.")
        entries = [{"fullUrl": f"{self.fhir_base}/{kind}/{one['id']}", "resource": one} for one in self._all(kind)]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}

    def _all(self, kind: str) -> list[dict[str, Any]]:
        """The patient's record."""
        if kind == "Patient":
            name = [{"family": "Rivers", "given": ["Robin"]}]
            return [{"resourceType": "Patient", "id": self.choices.patient_id, "name": name, "birthDate": "1980-02-29"}]
        subject = {"reference": f"Patient/{self.choices.patient_id}"}
        numbered = [{"resourceType": kind, "id": f"{kind.lower()}-{n}", "subject": subject} for n in (1, 2)]
        return [one | {"code": {"text": f"{kind} {one['id']}"}} for one in numbered]


def fhir(content: dict[str, Any], status: int = 200) -> Answer:
    """A FHIR answer."""
    return Answer.json(content, status, Content_Type="application/fhir+json")


def outcome(denied: DeniedError) -> Answer:
    """An OperationOutcome; with 401 comes the challenge."""
    issue = {"severity": "error", "code": "processing", "diagnostics": denied.sentence}
    answer = fhir({"resourceType": "OperationOutcome", "issue": [issue]}, denied.status)
    if denied.status != 401:
        return answer
    return Answer(answer.status, answer.body, {**answer.headers, "WWW-Authenticate": 'Bearer error="invalid_token"'})
