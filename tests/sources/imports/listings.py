"""Small listings to be stored, and everything the catalogue holds, to be compared."""

from collections import Counter

from django.db import connection

from sources.imports.orders import Edition, Order
from sources.imports.store import store
from sources.reading.listing import Address, Format, ListedFacility, ListedPortal, ListedSource, Listing

RIVER, LAKE, HILL = (f"https://{name}.example/r4" for name in ("river", "lake", "hill"))
TABLES = ["sources_source", "sources_facility", "sources_facility_sources", "sources_directoryentry"]


def place(identity: str, name: str | None = None, *urls: str, city="", state="", postal_code="", **more):
    """An entry at these base URLs, or at RIVER."""
    portals = tuple(url if isinstance(url, ListedPortal) else ListedPortal(url) for url in urls or (RIVER,))
    address = Address(city=city, state=state, postal_code=postal_code)
    return ListedFacility(identity, name or identity, portals, address=address, **more)


def listing(*places: ListedFacility, sources=(), well: bool = True) -> Listing:
    """A listing of these places and of the sources that they need; `well` is a bundle, else it is a plain list."""
    known = {one.fhir_base_url: one for one in sources}
    for url in (url for one in places for url in one.base_urls):
        known.setdefault(url, ListedSource(url, f"Source at {url}"))
    return Listing(Format.BRANDS if well else Format.LANTERN, list(known.values()), list(places), Counter())


def brought(*places: ListedFacility, into: str = "here", sources=(), well: bool = True, **order):
    """Store a listing as the next edition of a directory."""
    ordered = {"environment": "production", "origin": "a test", "by": "a test"} | order
    return store(listing(*places, sources=sources, well=well), Order(directory=into, **ordered), Edition())


def facility_counts(report) -> dict[str, int]:
    return report.of("facilities")


def catalogue() -> dict[str, list]:
    """Every row of the catalogue, whatever imports have to say about it. When a row was written is no part of it."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT to_jsonb(t) - 'updated_at' FROM {table} t ORDER BY 1")
            found[table] = [row for (row,) in cursor.fetchall()]
    return found
