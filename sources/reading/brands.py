"""Reads a User-access Brands Bundle (SMART App Launch 2.2, "User-access Brands and Endpoints").

Organizations are brands and their facilities, Endpoints are FHIR servers. Publishers take liberties, so
this also reads a Bundle without any extension (Oracle Health), one whose Endpoints name their Organization
instead of the other way round or contain it (Oracle Health in 2023), and the extension names from before 2.2
(Argonaut).
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from sources.reading import servers
from sources.reading.brand_resources import ALIASES, PORTALS, Brand, Portal
from sources.reading.bundle import Bundle, is_global
from sources.reading.listing import (
    Address,
    Format,
    ListedFacility,
    ListedPortal,
    ListedSource,
    Listing,
    Refusal,
    UnreadableDirectoryError,
)

# How many brands above one are looked at: a brand has a parent, sometimes a hidden one above.
_LEVELS = 10


class BrandsBundle:
    """Takes the entries of a Bundle one by one, relates them to each other, and makes a `Listing` of them.

    A bad entry costs that entry, and its reason is counted. A facility without an endpoint has its
    brand's (`partOf`). A hidden brand is no facility; its name becomes an alias of its facilities.
    """

    def __init__(self, *, sandbox: bool) -> None:
        self.listing = Listing(Format.BRANDS)
        self._bundle = Bundle(self.listing, sandbox)
        self._urls: dict[str, str] = {}
        self._left_out: set[str] = set()
        self._owners: dict[str, list[tuple[Brand, str]]] = {}
        self._offered: dict[str, tuple[ListedPortal, ...]] = {}
        self._known_portals: dict[tuple[str, str], tuple[ListedPortal, ...]] = {}
        self._is_empty = True

    def take(self, entry: Any) -> None:
        self._is_empty = False
        self._bundle.take(entry)

    def finish(self) -> Listing:
        """All that was taken. Raises UnreadableDirectoryError where that is nothing."""
        if self._is_empty:
            raise UnreadableDirectoryError("The Bundle has no entries.")
        bundle = self._bundle
        self._urls = {one.identity: one.url for one in bundle.endpoints.values() if one.url}
        for brand in bundle.brands.values():
            self._relate(brand)
        self._relate_managed_endpoints()
        self._owners = self._find_owners()
        self._offered = dict(self._find_offered())
        self.listing.facilities = [self._facility(brand, parent) for brand, parent in self._in_order()]
        urls = dict.fromkeys(portal.base_url for one in self.listing.facilities for portal in one.portals)
        self.listing.sources = [self._source(url) for url in urls]
        return self.listing

    def _relate(self, brand: Brand) -> None:
        if brand.parent:
            brand.parent = self._follow(brand.parent, brand.identity, "Organization")
        found = {one: self._follow(one, brand.identity, "Endpoint") for one in brand.endpoints}
        endpoints = tuple(dict.fromkeys(filter(None, found.values())))
        brand.endpoints = endpoints[:PORTALS]
        self._left_out.update(endpoints[PORTALS:])
        for portal in brand.portals:
            portal.endpoints = tuple(filter(None, (found.get(one) for one in portal.endpoints)))

    def _relate_managed_endpoints(self) -> None:
        for identity in self._urls:
            reference = self._bundle.endpoints[identity].managed_by
            manager = self._follow(reference, identity, "Organization") if reference else None
            brand = self._bundle.brands[manager] if manager else None
            if brand and len(brand.endpoints) >= PORTALS:
                self._left_out.add(identity)
            elif brand and identity not in brand.endpoints:
                brand.endpoints += (identity,)

    def _follow(self, reference: str, referring: str, kind: str) -> str | None:
        found = self._bundle.resolve(reference, referring)
        if found in (self._bundle.brands if kind == "Organization" else self._bundle.endpoints):
            return found
        self.listing.refuse(Refusal.UNKNOWN_REFERENCE, reference[:200])
        return None

    def _find_owners(self) -> dict[str, list[tuple[Brand, str]]]:
        """For each base URL the brands that name it themselves, with the Endpoint they name."""
        owners: dict[str, list[tuple[Brand, str]]] = defaultdict(list)
        named: set[str] = set()
        for brand in self._bundle.brands.values():
            named.update(brand.endpoints)
            for endpoint in brand.endpoints:
                if endpoint in self._urls:
                    owners[self._urls[endpoint]].append((brand, endpoint))
        for endpoint, url in self._urls.items():
            if endpoint not in named:
                is_left_out = endpoint in self._left_out
                self.listing.refuse(Refusal.TOO_MANY if is_left_out else Refusal.NOBODYS, url)
        return owners

    def _find_offered(self) -> Iterator[tuple[str, tuple[ListedPortal, ...]]]:
        """The brands and facilities that patients may choose, with their ways to the sources."""
        for brand in self._bundle.brands.values():
            if brand.is_hidden:
                continue
            portals = self._portals(brand)
            if not brand.is_active:
                self.listing.refuse(Refusal.INACTIVE, brand.name)
            elif not brand.name:
                self.listing.refuse(Refusal.NO_NAME, brand.identity[:200])
            elif not portals:
                self.listing.refuse(Refusal.NO_ENDPOINT, brand.name)
            else:
                yield brand.identity, portals

    def _portals(self, brand: Brand) -> tuple[ListedPortal, ...]:
        """Its own endpoints or its brand's, each with the first portal there, its own before its brand's."""
        lineage = list(self._lineage(brand))
        owner = next((one for one in lineage if any(endpoint in self._urls for endpoint in one.endpoints)), None)
        if owner is None:
            return ()
        speaker = next((one for one in lineage[: lineage.index(owner)] if one.portals), owner)
        key = (speaker.identity, owner.identity)
        if key not in self._known_portals:  # shared by the hundreds of facilities of a brand
            made: dict[str, ListedPortal] = {}
            for endpoint in owner.endpoints[:PORTALS]:
                if endpoint in self._urls:
                    url = self._urls[endpoint]
                    made.setdefault(url, _listed_portal(url, endpoint, speaker, owner))
            self._known_portals[key] = tuple(made.values())
        return self._known_portals[key]

    def _in_order(self) -> Iterator[tuple[Brand, Brand | None]]:
        """What is offered, each after its own brand, if that is offered too. A circle ends where it closes."""
        parents = {identity: self._parent(self._bundle.brands[identity]) for identity in self._offered}
        done: set[str] = set()
        for start in self._offered:
            above: dict[str, Brand | None] = {}
            identity: str | None = start
            while identity and identity not in done and identity not in above:
                above[identity] = parents[identity]
                parent = parents[identity]
                identity = parent.identity if parent else None
            for one, parent in reversed(above.items()):
                yield self._bundle.brands[one], parent if parent and parent.identity in done else None
                done.add(one)

    def _parent(self, brand: Brand) -> Brand | None:
        above = list(self._lineage(brand))[1:]
        return next((one for one in above if one.identity in self._offered), None)

    def _lineage(self, brand: Brand) -> Iterator[Brand]:
        """The brand, its brand, and so on. A circle ends where it closes."""
        seen: set[str] = set()
        above: Brand | None = brand
        while above is not None and above.identity not in seen and len(seen) < _LEVELS:
            yield above
            seen.add(above.identity)
            above = self._bundle.brands.get(above.parent or "")

    def _facility(self, brand: Brand, parent: Brand | None) -> ListedFacility:
        aliases = list(brand.aliases)
        for above in list(self._lineage(brand))[1:]:
            if above.identity in self._offered:
                break
            aliases.append(above.name)
        places = brand.places
        return ListedFacility(
            identity=self._identity(brand),
            name=brand.name,
            portals=self._offered[brand.identity],
            brand=self._identity(parent) if parent else None,
            aliases=tuple(one for one in dict.fromkeys(aliases) if one and one != brand.name)[:ALIASES],
            address=brand.addresses[0] if len(brand.addresses) == 1 or len(places) == 1 else Address(),
            places=places if len(places) > 1 else (),
            website=brand.website,
            phone=brand.phone,
            npis=brand.npis,
        )

    def _identity(self, brand: Brand) -> str:
        # A local id such as Organization/1 means something only together with its server.
        if is_global(brand.identity):
            return brand.identity
        return f"{brand.identity} at {min(portal.base_url for portal in self._offered[brand.identity])}"

    def _source(self, url: str) -> ListedSource:
        """The source at `url`. Where several brands share it, its portal is that of its namesake or the first."""
        name, owners = self._source_name(url), self._owners[url]
        owners.sort(key=lambda owner: (owner[0].name != name, owner[0].name, owner[0].identity))
        portals = [(brand, portal) for brand, endpoint in owners for portal in _portals_at(brand, endpoint)]
        logos = [portal.logo or brand.logo for brand, portal in portals] + [brand.logo for brand, _ in owners]
        return ListedSource(
            fhir_base_url=url,
            name=name,
            vendor=servers.vendor_of(url) or ("epic" if any(brand.is_epics for brand, _ in owners) else None),
            portal_url=next((portal.url for _, portal in portals if portal.url), None),
            logo_url=next(filter(None, logos), None),
        )

    def _source_name(self, url: str) -> str:
        """A sole brand's name, or its portal's if it has several sources; else what the Endpoint is called."""
        owners = {brand.identity: brand for brand, _ in self._owners[url]}.values()
        brands = sorted(brand.name for brand in owners if brand.name)
        named = (self._bundle.endpoints[endpoint].name for _, endpoint in self._owners[url])
        endpoints = sorted(filter(None, named))
        if len(brands) != 1:
            candidates = [*endpoints, *brands]
        elif any(len({self._urls.get(one) for one in brand.endpoints} - {None}) > 1 for brand in owners):
            portals = (portal.name for brand, endpoint in self._owners[url] for portal in _portals_at(brand, endpoint))
            candidates = [*portals, *endpoints, *brands]
        else:
            candidates = brands
        return next(filter(None, candidates), urlsplit(url).netloc)


def _listed_portal(url: str, endpoint: str, speaker: Brand, owner: Brand) -> ListedPortal:
    found = [(brand, portal) for brand in (speaker, owner) for portal in _portals_at(brand, endpoint)]
    if not found:
        return ListedPortal(url, logo_url=owner.logo)
    brand, portal = found[0]
    return ListedPortal(url, portal.name, portal.description, portal.url, portal.logo or brand.logo)


def _portals_at(brand: Brand, endpoint: str) -> list[Portal]:
    return [portal for portal in brand.portals if not portal.endpoints or endpoint in portal.endpoints]
