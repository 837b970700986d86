"""Reads a User-access Brands Bundle (SMART App Launch 2.2, "User-access Brands and Endpoints").

Organizations are brands and their facilities, Endpoints are FHIR servers. Publishers take liberties, so
this also reads a Bundle without any extension (Oracle Health), one whose Endpoints name their Organization
instead of the other way round, and the extension names from before 2.2 (Argonaut).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from sources import addresses
from sources.addresses import AddressRefusedError
from sources.brand_fields import Brand, Portal, address_of, brand_of, phone_of, places_of, website_of
from sources.bundle import Bundle, Entry, extension_values, items, mapping, reference_of, text
from sources.listing import ListedFacility, ListedSource, Listing, Refusal


def read(content: bytes, *, sandbox: bool) -> Listing:
    """What the Bundle offers to patients. Raises UnreadableDirectoryError for what is not a whole Bundle.

    A bad entry costs that entry, and its reason is counted. A facility without an endpoint has its
    brand's (`partOf`). A hidden brand is no facility; its name becomes an alias of its facilities.
    """
    return _Reader(Bundle.parse(content), sandbox=sandbox).listing()
