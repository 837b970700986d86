"""Pages: what of an answer can be kept, and where it goes on."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from records.fhir.addresses import is_id, next_within
from records.fhir.entries import Entries, Found, is_type
from records.fhir.problems import Final, words_of
from records.fhir.reading import Document, NotJson, TooMuch, read, without_unstorable
from records.fhir.references import Chart, TooMany
from records.verdicts import Verdict

# Portals put a hundred or a thousand on a page.
MAX_ENTRIES = 10_000
MAX_BINARY_BYTES = 10 * 1024 * 1024
_AROUND_ONE = ('{"resourceType":"Bundle","type":"collection","entry":[{"resource":', "}]}")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(; ?charset=[\w-]{1,40})?", re.ASCII)


@dataclass(frozen=True)
class Page:
    """What a server answered with.

    `text` is the JSON of a Bundle, and PostgreSQL takes it as jsonb. It is as it was received, but where something in
    it cannot be stored: then it has null for the entries in question, and entries only. Numbers keep their digits.
    `found` has each type and id once, the last of several. `next_url` is absolute and within the server's base.
    `unusable` counts the entries that cannot be kept. `words` are the portal's own, of OperationOutcomes among the
    entries: at most 500 characters in one line.

    `problem` says that there would be more: ELSEWHERE where the next page is at an address that the token must not go
    to, TOO_LARGE where more was referred to than `entries.MAX_REFERENCES`. What the page has is good all the same.
    """

    text: str
    found: tuple[Found, ...] = ()
    next_url: str | None = None
    unusable: int = 0
    words: str = ""
    problem: Verdict | None = None


NOTHING = Page('{"resourceType":"Bundle","entry":[]}')


def page_of(body: bytes, chart: Chart, *, asked: str, token: str) -> Page:
    """The page in the answer to a search at the address `asked`. A single resource is a page of one. Raises Final."""
    document = _resource(body, token)
    if document.content["resourceType"] != "Bundle":
        return _page_of_one(document, chart, token)
    return _with_next(_page(document, chart, token), document.content, chart.base_url, asked)


def page_of_resource(body: bytes, resource_type: str, resource_id: str, chart: Chart, *, token: str) -> Page:
    """A page of the one resource that was asked for by type and id. Raises as `page_of`, and for any other one."""
    document = _resource(body, token)
    given_id = document.content.get("id")
    if document.content["resourceType"] != resource_type or (is_id(given_id) and given_id != resource_id):
        raise Final("The portal answered with another resource than the one asked for.", Verdict.NOT_FHIR)
    return _page_of_one(document, chart, token)


def page_of_content(content: bytes, media_type: str, resource_id: str) -> Page:
    """A page of one Binary, for a server that answers with what the Binary holds. Raises Final."""
    if len(content) > MAX_BINARY_BYTES:
        raise Final("The document is too large.", Verdict.TOO_LARGE)
    binary = {
        "resourceType": "Binary",
        "id": resource_id,
        "contentType": media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream",
        "data": base64.b64encode(content).decode(),
    }
    text = json.dumps(binary, ensure_ascii=False)
    return Page(text.join(_AROUND_ONE), (Found("Binary", resource_id, 0, frozenset()),))


def is_resource(body: bytes) -> bool:
    """Whether this is FHIR JSON at all."""
    try:
        content = read(body).content
    except (NotJson, TooMuch):
        return False
    return isinstance(content, dict) and isinstance(content.get("resourceType"), str)


def _resource(body: bytes, token: str) -> Document:
    """The document in `body`, which is a resource and no OperationOutcome."""
    try:
        document = read(body)
    except TooMuch as error:
        raise Final("The answer has more parts than we take.", Verdict.TOO_LARGE) from error
    except NotJson as error:
        raise Final("The answer is not JSON.", Verdict.NOT_FHIR) from error
    resource_type = document.content.get("resourceType") if isinstance(document.content, dict) else None
    if not is_type(resource_type):
        raise Final("The answer is not a FHIR resource.", Verdict.NOT_FHIR)
    if resource_type == "OperationOutcome":
        words = words_of(document.content, token)
        raise Final("The portal answered with an OperationOutcome.", Verdict.OUTCOME, words=words)
    return document


def _page_of_one(document: Document, chart: Chart, token: str) -> Page:
    if not document.is_storable:
        return replace(NOTHING, unusable=1)
    bundle = {"resourceType": "Bundle", "entry": [{"resource": document.content}]}
    return _page(Document(document.text.join(_AROUND_ONE), bundle, is_storable=True), chart, token)


def _page(bundle: Document, chart: Chart, token: str) -> Page:
    entries = bundle.content.get("entry")
    if entries is not None and not isinstance(entries, list):
        raise Final("The entries of the Bundle are not a list.", Verdict.NOT_FHIR)
    if len(entries or []) > MAX_ENTRIES:
        raise Final("The page has more entries than we take.", Verdict.TOO_LARGE)
    text, unstorable = (bundle.text, frozenset[int]()) if bundle.is_storable else without_unstorable(bundle)
    known = Entries(chart, token)
    try:
        for index, entry in enumerate(entries or []):
            known.add(index, None if index in unstorable else entry)
    except TooMany as error:
        raise Final("The page has more references than we take.", Verdict.TOO_LARGE) from error
    found = known.with_few_references()
    problem = None if found == known.found else Verdict.TOO_LARGE
    return Page(text, found, unusable=known.unusable, words=known.words, problem=problem)


def _with_next(page: Page, bundle: dict[str, Any], base_url: str, asked: str) -> Page:
    link = next(_next_links(bundle), None)
    if link is None:
        return page
    url = next_within(base_url, asked, link)
    return replace(page, next_url=url) if url else replace(page, problem=Verdict.ELSEWHERE)


def _next_links(bundle: dict[str, Any]) -> Iterator[str]:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            yield link["url"]
