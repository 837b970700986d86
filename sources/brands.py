"""Reads a User-access Brands Bundle (SMART App Launch 2.2, "User-access Brands and Endpoints").

Organizations are brands and their facilities, Endpoints are FHIR servers. Publishers take liberties, so
this also reads a Bundle without any extension (Oracle Health), one whose Endpoints name their Organization
instead of the other way round, and the extension names from before 2.2 (Argonaut).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sources import brand_resources as resources
from sources.addresses import AddressRefusedError
from sources.brand_resources import Portal
from sources.bundle import Bundle, Entry, items, reference_of
from sources.listing import Address, ListedFacility, ListedSource, Listing, Refusal


def read(content: bytes, *, sandbox: bool) -> Listing:
    """What the Bundle offers to patients. Raises UnreadableDirectoryError for what is not a whole Bundle.

    A bad entry costs that entry, and its reason is counted. A facility without an endpoint has its
    brand's (`partOf`). A hidden brand is no facility; its name becomes an alias of its facilities.
    """
    brands = _Brands(Bundle.parse(content), sandbox=sandbox)
    facilities = [brands.facility(brand) for brand in brands.offered()]
    urls = dict.fromkeys(url for facility in facilities for url in facility.base_urls)
    return Listing([brands.source(url) for url in urls], facilities, brands.refusals)


@dataclass
class _Brand:
    """An Organization with what it is related to. `parent` and `endpoints` are identities of entries."""

    entry: Entry
    name: str
    parent: str | None = None
    endpoints: list[str] = field(default_factory=list)
    portals: list[Portal] = field(default_factory=list)


class _Brands:
    """The Organizations of a Bundle, related to each other and to their usable Endpoints."""

    def __init__(self, bundle: Bundle, *, sandbox: bool) -> None:
        self.bundle, self.sandbox = bundle, sandbox
        self.refusals: Counter[Refusal] = bundle.refusals.copy()
        self._endpoints = {entry.identity: entry for entry in bundle.of("Endpoint")}
        self._urls = dict(self._usable_urls())
        self._brands = {
            entry.identity: _Brand(entry, resources.name_of(entry.resource)) for entry in bundle.of("Organization")
        }
        for brand in self._brands.values():
            self._relate(brand)
        self._relate_managed_endpoints()
        self._owners = self._find_owners()
        self._offered = {brand.entry.identity: urls for brand, urls in self._find_offered()}

    def offered(self) -> list[_Brand]:
        """The brands and facilities that patients may choose, each after its own brand."""
        offered = [self._brands[identity] for identity in self._offered]
        return sorted(offered, key=lambda brand: sum(1 for _ in self._lineage(brand)))

    def facility(self, brand: _Brand) -> ListedFacility:
        above = list(self._lineage(brand))[1:]
        parent = next((one for one in above if one.entry.identity in self._offered), None)
        unlisted = above[: above.index(parent)] if parent else above
        aliases = [*resources.aliases_of(brand.entry.resource), *(one.name for one in unlisted if one.name)]
        found = resources.addresses_of(brand.entry.resource)
        places = tuple(dict.fromkeys(address.place for address in found if address.place))
        return ListedFacility(
            identity=self._identity(brand),
            name=brand.name,
            base_urls=self._offered[brand.entry.identity],
            brand=self._identity(parent) if parent else None,
            aliases=tuple(alias for alias in dict.fromkeys(aliases) if alias != brand.name),
            address=found[0] if len(found) == 1 or len(places) == 1 else Address(),
            places=places if len(places) > 1 else (),
            website=resources.website_of(brand.entry.resource),
            phone=resources.phone_of(brand.entry.resource),
        )

    def source(self, url: str) -> ListedSource:
        """The source at `url`. Where several brands share it, its portal is that of its namesake or the first."""
        name, owners = self._source_name(url), self._owners[url]
        owners.sort(key=lambda owner: (owner[0].name != name, owner[0].name, owner[0].entry.identity))
        portals = [(brand, portal) for brand, endpoint in owners for portal in _portals_at(brand, endpoint)]
        logos = [portal.logo or self._logo(brand) for brand, portal in portals] + [self._logo(one) for one, _ in owners]
        return ListedSource(
            fhir_base_url=url,
            name=name,
            portal_url=next((portal.url for _, portal in portals if portal.url), None),
            logo_url=next(filter(None, logos), None),
        )

    def _source_name(self, url: str) -> str:
        """A sole brand's name, or its portal's if it has several sources; else what the Endpoint is called."""
        owners = {brand.entry.identity: brand for brand, _ in self._owners[url]}.values()
        brands = sorted(brand.name for brand in owners if brand.name)
        named = (resources.name_of(self._endpoints[endpoint].resource) for _, endpoint in self._owners[url])
        endpoints = sorted(filter(None, named))
        if len(brands) != 1:
            candidates = [*endpoints, *brands]
        elif any(len(self._own_urls(brand)) > 1 for brand in owners):
            portals = (portal.name for brand, endpoint in self._owners[url] for portal in _portals_at(brand, endpoint))
            candidates = [*portals, *endpoints, *brands]
        else:
            candidates = brands
        return next(filter(None, candidates), urlsplit(url).netloc)

    def _usable_urls(self) -> Iterator[tuple[str, str]]:
        for entry in self._endpoints.values():
            try:
                yield entry.identity, resources.endpoint_url(entry.resource, sandbox=self.sandbox)
            except AddressRefusedError as refused:
                self.refusals[refused.refusal] += 1

    def _relate(self, brand: _Brand) -> None:
        resource = brand.entry.resource
        brand.parent = self._follow(reference_of(resource.get("partOf")), brand.entry, "Organization")
        portals = resources.portals_of(resource, sandbox=self.sandbox)
        references = [reference_of(item) for item in items(resource, "endpoint")]
        references += [reference for portal in portals for reference in portal.endpoints]
        found = {one: self._follow(one, brand.entry, "Endpoint") for one in dict.fromkeys(references)}
        brand.endpoints = list(dict.fromkeys(filter(None, found.values())))
        brand.portals = [
            replace(portal, endpoints=tuple(filter(None, (found[one] for one in portal.endpoints))))
            for portal in portals
        ]

    def _relate_managed_endpoints(self) -> None:
        for identity in self._urls:
            reference = reference_of(self._endpoints[identity].resource.get("managingOrganization"))
            manager = self._follow(reference, self._endpoints[identity], "Organization")
            if manager and identity not in self._brands[manager].endpoints:
                self._brands[manager].endpoints.append(identity)

    def _follow(self, reference: str, referring: Entry, kind: str) -> str | None:
        found = self.bundle.resolve(reference, referring) if reference else None
        if found is not None and found.resource["resourceType"] == kind:
            return found.identity
        self.refusals[Refusal.UNKNOWN_REFERENCE] += bool(reference)
        return None

    def _find_owners(self) -> dict[str, list[tuple[_Brand, str]]]:
        """For each base URL the brands that name it themselves, with the Endpoint they name."""
        owners: dict[str, list[tuple[_Brand, str]]] = defaultdict(list)
        for brand in self._brands.values():
            for endpoint in brand.endpoints:
                if endpoint in self._urls:
                    owners[self._urls[endpoint]].append((brand, endpoint))
        named = {endpoint for brand in self._brands.values() for endpoint in brand.endpoints}
        self.refusals[Refusal.NOBODYS] += len(self._urls.keys() - named)
        return owners

    def _find_offered(self) -> Iterator[tuple[_Brand, tuple[str, ...]]]:
        for brand in self._brands.values():
            urls = next(filter(None, map(self._own_urls, self._lineage(brand))), ())
            if resources.is_hidden(brand.entry.resource):
                continue
            if brand.entry.resource.get("active") is False:
                self.refusals[Refusal.INACTIVE] += 1
            elif not brand.name:
                self.refusals[Refusal.NO_NAME] += 1
            elif not urls:
                self.refusals[Refusal.NO_ENDPOINT] += 1
            else:
                yield brand, urls

    def _own_urls(self, brand: _Brand) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._urls[one] for one in brand.endpoints if one in self._urls))

    def _lineage(self, brand: _Brand) -> Iterator[_Brand]:
        """The brand, its brand, and so on. A circle ends where it closes."""
        seen: set[str] = set()
        above: _Brand | None = brand
        while above is not None and above.entry.identity not in seen:
            yield above
            seen.add(above.entry.identity)
            above = self._brands.get(above.parent or "")

    def _identity(self, brand: _Brand) -> str:
        # A local id such as Organization/1 means something only together with its server.
        if brand.entry.is_global:
            return brand.entry.identity
        return f"{brand.entry.identity} at {min(self._offered[brand.entry.identity])}"

    def _logo(self, brand: _Brand) -> str | None:
        return resources.logo_of(brand.entry.resource, sandbox=self.sandbox)


def _portals_at(brand: _Brand, endpoint: str) -> list[Portal]:
    return [portal for portal in brand.portals if not portal.endpoints or endpoint in portal.endpoints]
