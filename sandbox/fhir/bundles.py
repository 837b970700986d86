"""Searchset bundles, and the opaque `next` links between their pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core import signing

from sandbox.fhir.errors import NotFound
from sandbox.fhir.search import Json, Query
from sandbox.systems import HealthSystem

PAGE_PARAMETER = "_page"


@dataclass(frozen=True)
class Page:
    """One page of a search's results: where it begins, and for whose chart the search was."""

    query: Query
    patient_id: str
    offset: int = 0


def searchset(system: HealthSystem, page: Page, resources: Iterable[Json]) -> Json:
    """The bundle of this page of the matches among `resources`. A `_count` of 0 asks for the total alone."""
    matches = page.query.select(resources)
    size = min(system.page_size if page.query.count is None else page.query.count, system.max_page_size)
    end = page.offset + size
    base_url = system.fhir_base_url
    links = [{"relation": "self", "url": _self_url(system, page)}]
    if size and end < len(matches):
        links.append({"relation": "next", "url": _next_url(system, page, end)})
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(matches),
        "link": links,
        "entry": [_entry(base_url, resource) for resource in matches[page.offset : end]],
    }


def _entry(base_url: str, resource: Json) -> Json:
    url = f"{base_url}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": "match"}}


def _self_url(system: HealthSystem, page: Page) -> str:
    url = f"{system.fhir_base_url}/{page.query.resource_type}"
    if page.offset:
        return f"{url}?{PAGE_PARAMETER}={_token(system, page, page.offset)}"
    used = [*page.query.used] + ([] if page.query.count is None else [("_count", str(page.query.count))])
    return f"{url}?{urlencode(used)}" if used else url


def _next_url(system: HealthSystem, page: Page, offset: int) -> str:
    return f"{system.fhir_base_url}/{page.query.resource_type}?{PAGE_PARAMETER}={_token(system, page, offset)}"


def _token(system: HealthSystem, page: Page, offset: int) -> str:
    query = page.query
    content = [query.resource_type, list(query.used), query.count, page.patient_id, offset]
    return _signer(system).sign_object(content, compress=True)


def read_token(system: HealthSystem, token: str, *, resource_type: str, patient_id: str) -> Page:
    """The page that a `next` link of ours names. Raises NotFound for any other token, and for somebody else's."""
    try:
        query_type, used, count, owner, offset = _signer(system).unsign_object(token)
    except signing.BadSignature as error:
        raise NotFound("There is no such page.") from error
    if (query_type, owner) != (resource_type, patient_id):
        raise NotFound("There is no such page.")
    return Page(Query(query_type, tuple((name, value) for name, value in used), count), owner, offset)


def _signer(system: HealthSystem) -> signing.Signer:
    """Signs without the time, so that one page has one link, whenever it is made."""
    return signing.Signer(salt=f"sandbox.fhir.bundles.{system.slug}")
