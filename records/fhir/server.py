"""One FHIR server, asked with a patient's access token."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import requests

from common import outbound
from records.fhir.addresses import is_id, is_within
from records.fhir.pages import NOTHING, Page, is_resource, page_of, page_of_content, page_of_resource
from records.fhir.problems import FhirProblem, Final, Temporary, of_answer, of_exchange
from records.fhir.reading import NotJson, TooMuch, read
from records.fhir.references import Chart
from records.verdicts import Verdict

LIMITS = outbound.Limits(seconds=60, max_bytes=20 * 1024 * 1024)


class FhirServer:
    """Asks one server about one patient, over one kept connection, one question at a time. Close it, or use a `with`.

    Every question raises a FhirProblem, and nothing else, where there is no page. The token goes in the Authorization
    header of addresses within the base, nowhere else. What is about another Patient than the one with the id `patient`
    is unusable. Questions must not be asked inside a transaction.
    """

    def __init__(self, base_url: str, reach: outbound.Reach, patient: str, *, limits: outbound.Limits = LIMITS) -> None:
        self.base_url = base_url.rstrip("/")
        self._chart = Chart(self.base_url, patient)
        self._session = outbound.guard(requests.Session(), reach, limits, keep_alive=True)
        self._session.headers["Accept"] = "application/fhir+json"
        # Other spellings of a host or path are made one when a request is prepared.
        self._base_as_sent = (requests.Request("GET", self.base_url).prepare().url or "").rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def search(self, resource_type: str, parameters: Sequence[tuple[str, str]], token: str) -> Page:
        """The first page of a search."""
        query = urlencode(parameters, quote_via=quote, safe="/:,")
        return self._page(f"{self.base_url}/{resource_type}" + (f"?{query}" if query else ""), token)

    def follow(self, next_url: str, token: str) -> Page:
        """The page that an earlier one named as its next."""
        return self._page(next_url, token)

    def read(self, resource_type: str, resource_id: str, token: str) -> Page:
        """A page of one resource. Of a Binary, servers may also send what it holds.

        Another resource than the one asked for is no answer (NOT_FHIR), be its type right and only its id another:
        under the id that was asked for it would be a mistake, and nobody refers to the other.
        """
        if not is_id(resource_id):
            raise Final("No resource can have this id.", Verdict.NOT_FHIR)
        answer = self._answer(f"{self.base_url}/{resource_type}/{quote(resource_id, safe='')}", token)
        media_type = answer.headers.get("Content-Type", "").strip()
        if resource_type == "Binary" and _is_content(answer.content, media_type):
            return page_of_content(answer.content, media_type, resource_id)
        return page_of_resource(answer.content, resource_type, resource_id, self._chart, token=token)

    def supported_types(self) -> frozenset[str] | None:
        """The types that the server says can be searched for, asked without a token. None where it says nothing."""
        try:
            statement = read(self._answer(f"{self.base_url}/metadata").content).content
        except (FhirProblem, NotJson, TooMuch):
            return None
        return frozenset(_searchable(statement)) or None

    def _page(self, url: str, token: str) -> Page:
        answer = self._answer(url, token)
        if answer.status_code == requests.codes.no_content:
            return NOTHING
        return page_of(answer.content, self._chart, asked=url, token=token)

    def _answer(self, url: str, token: str = "") -> requests.Response:
        request = self._prepared(url, token)
        try:
            answer = self._session.send(request, allow_redirects=False)
        except outbound.OutboundError as error:
            raise of_exchange(error) from error
        if not 200 <= answer.status_code < 300:
            raise of_answer(answer, token, datetime.now(UTC))
        if _is_cut_off(answer):
            raise Temporary("The answer was cut off before its end.", Verdict.UNREACHABLE)
        return answer

    def _prepared(self, url: str, token: str) -> requests.PreparedRequest:
        """The request, once its address is proven in the very spelling in which it is sent."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            request = self._session.prepare_request(requests.Request("GET", url, headers=headers))
        except (requests.RequestException, ValueError) as error:
            raise Final("The address cannot be asked for.", Verdict.ELSEWHERE) from error
        if not is_within(self._base_as_sent, request.url or ""):
            raise Final("The address is not one of this portal.", Verdict.ELSEWHERE)
        return request


def _is_cut_off(answer: requests.Response) -> bool:
    """Where neither a length nor chunks say how long an answer is, only a missing end of its JSON can."""
    says_its_length = "Content-Length" in answer.headers or "Transfer-Encoding" in answer.headers
    return not says_its_length and answer.content[:1] == b"{" and not answer.content.rstrip().endswith(b"}")


def _is_content(body: bytes, media_type: str) -> bool:
    """Whether this is what a Binary holds, and not the Binary. Labels are often wrong; what is FHIR is none."""
    return bool(body) and "json" not in media_type.lower() and not is_resource(body)


def _searchable(statement: Any) -> list[str]:
    """Types with a search, and those of which no interactions are told. Raises nothing, whatever this is."""
    found = []
    for rest in _objects(statement, "rest"):
        for resource in _objects(rest, "resource"):
            codes = [interaction.get("code") for interaction in _objects(resource, "interaction")]
            if isinstance(resource.get("type"), str) and (not codes or "search-type" in codes):
                found.append(resource["type"])
    return found


def _objects(parent: Any, name: str) -> list[dict[str, Any]]:
    values = parent.get(name) if isinstance(parent, dict) else None
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
