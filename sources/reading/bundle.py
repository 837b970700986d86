"""A FHIR Bundle as somebody else wrote it: its Organizations and Endpoints, and where its references lead."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sources.reading import brand_resources as resources
from sources.reading.brand_resources import Brand, Endpoint
from sources.reading.elements import Json, items, mapping, text
from sources.reading.listing import Format, Listing, Refusal, numbered

# What names the same resource in every Bundle; `urn:uuid:411` does not, nor does `Organization/1`.
_GLOBAL = re.compile(r"https?://.+|urn:oid:.+|urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_IDENTITY_LENGTH = 1000


@dataclass
class Bundle:
    """The Organizations and Endpoints of a Bundle by their identity; other resources are passed over.

    The identity of an entry is its fullUrl, or `<type>/<id>` where that is missing. A contained
    Organization has its Endpoint's with `#<id>`.
    """

    listing: Listing
    sandbox: bool
    brands: dict[str, Brand] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    _by_local_id: dict[str, str] = field(default_factory=dict)
    _taken: int = 0

    def take(self, raw: Any) -> None:
        """Take one entry. A bad one costs that entry, and its reason is counted."""
        self._taken += 1
        resource = mapping(mapping(raw).get("resource"))
        kind = resource.get("resourceType")
        if kind not in ("Organization", "Endpoint"):
            if not isinstance(kind, str):
                self._refuse_malformed(text(mapping(raw).get("fullUrl"), 200))
            return
        local_id = f"{kind}/{resource['id']}" if isinstance(resource.get("id"), str) else ""
        stated = raw.get("fullUrl")
        identity = stated if isinstance(stated, str) and stated else local_id
        if self._is_new(identity, resource):
            self._by_local_id.setdefault(local_id, identity)
            if kind == "Organization":
                self.brands[identity] = resources.brand(identity, resource, sandbox=self.sandbox)
            else:
                self._take_endpoint(identity, resource)

    def resolve(self, reference: str, referring: str) -> str | None:
        """The identity that a reference in `referring` leads to (FHIR R4, Bundle, "Resolving references")."""
        base = re.sub(r"[^/]+/[^/]+$", "", referring)
        contained = referring + reference if reference.startswith("#") else ""
        for identity in (reference, contained, base + reference, self._by_local_id.get(reference)):
            if identity and (identity in self.brands or identity in self.endpoints):
                return identity
        return None

    def _is_new(self, identity: str, resource: Json) -> bool:
        if not identity or len(identity) > _IDENTITY_LENGTH:
            self._refuse_malformed(resources.name_of(resource))
        elif identity in self.brands or identity in self.endpoints:
            self.listing.refuse(Refusal.DUPLICATE, resources.name_of(resource) or text(identity, 200))
        else:
            return True
        return False

    def _refuse_malformed(self, words: str) -> None:
        self.listing.refuse(Refusal.MALFORMED, numbered(self._taken, words))

    def _take_endpoint(self, identity: str, resource: Json) -> None:
        self.endpoints[identity] = endpoint = resources.endpoint(identity, resource, sandbox=self.sandbox)
        organizations = list(_contained_organizations(resource))
        if organizations:
            self.listing.format = Format.ENDPOINTS
        if endpoint.refusal:
            self.listing.refuse(endpoint.refusal, endpoint.name or endpoint.example)
            return
        for contained in organizations:
            inner = f"{identity}#{contained['id']}"
            if self._is_new(inner, contained):
                self.brands[inner] = resources.brand(inner, contained, sandbox=self.sandbox)


def _contained_organizations(resource: Json) -> Iterator[Json]:
    for one in items(resource, "contained"):
        if one.get("resourceType") == "Organization" and isinstance(one.get("id"), str):
            yield one


def is_global(identity: str) -> bool:
    """Whether it names the same resource in every Bundle, and not only together with its server."""
    return _GLOBAL.fullmatch(identity) is not None
