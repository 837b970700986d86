"""`/connections`: the catalogue (contract §7). The path says connections, the objects are sources."""

import re
from typing import Any

from django.core import signing
from rest_framework.request import Request

from common.errors import InvalidRequest, NotFound
from common.fields import parse_query
from common.pagination import page_of
from organizations.api import ApiView
from organizations.models import Organization
from sources.base_urls import is_source_id, normalized, source_id
from sources.models import Source
from sources.search import Position, SourceHit, search_sources
from sources.serializers import SourcesQuery, matched_out, source_out


class Sources(ApiView):
    scopes = {"GET": "connections:read"}
    takes_query = True

    def get(self, request: Request) -> dict[str, Any]:
        query = parse_query(SourcesQuery, request.query_params).validated_data
        page = found_page if query.get("q", "").strip() or "near" in query else listed_page
        return page(self.organization, query)


class SourceDetail(ApiView):
    scopes = {"GET": "connections:read"}

    def get(self, request: Request, reference: str) -> dict[str, Any]:
        return source_out(find_source(self.organization, reference))


def listed_page(organization: Organization, query: dict[str, Any]) -> dict[str, Any]:
    """The visible sources by name."""
    sources = Source.objects.visible_to(organization)
    if "type" in query:
        sources = sources.filter(type=query["type"])
    return page_of(
        sources,
        order_by=("name", "id"),
        limit=query["limit"],
        starting_after=query.get("starting_after"),
        list_name=f"sources:{organization.id}:{query.get('type')!r}",
        render=source_out,
    )


def found_page(organization: Organization, query: dict[str, Any]) -> dict[str, Any]:
    """The visible sources that match `q`, best first, or those near a place, each with what matched."""
    asked = (query.get("q", ""), query.get("type"), query.get("near"))
    signer = signing.Signer(salt=f"cursor:found:{organization.id}:{asked!r}")
    hits, end = search_sources(
        query.get("q", ""),
        organization=organization,
        vendor=query.get("type"),
        limit=query["limit"],
        near=query.get("near"),
        after=_position(signer, query["starting_after"]) if "starting_after" in query else None,
    )
    return {
        "resource_type": "list",
        "data": [_hit_out(hit) for hit in hits],
        "has_more": end is not None,
        "next_cursor": signer.sign_object([end.pair, end.count]) if end else None,
    }


def _position(signer: signing.Signer, cursor: str) -> Position:
    try:
        return Position(*signer.unsign_object(cursor))
    except signing.BadSignature as error:
        raise InvalidRequest(
            "This is not a cursor of this search with these words. Start again without it.", param="starting_after"
        ) from error


def _hit_out(hit: SourceHit) -> dict[str, Any]:
    return source_out(hit.source) | {"matched": matched_out(hit.facility, hit.distance_km)}


def find_source(organization: Organization, reference: str) -> Source:
    """The visible source with this id or FHIR base URL. Raises NotFound.

    A URL in a path may have lost one of its slashes on the way (`https:/host/fhir`).
    """
    try:
        whole = re.sub(r"^(https?):/+", r"\1://", reference, flags=re.IGNORECASE)
        identifier = reference if is_source_id(reference) else source_id(normalized(whole))
    except ValueError as error:
        raise NotFound("There is no source with this id or FHIR base URL.") from error
    source = Source.objects.visible_to(organization).filter(pk=identifier).first()
    if source is None:
        raise NotFound("There is no source with this id or FHIR base URL.")
    return source
