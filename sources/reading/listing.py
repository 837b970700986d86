"""What a directory says, whatever its format: sources, facilities, and what was refused and why.

Each format has a reader that makes a `Listing`: `brands.py` for Bundles, `plain_lists.py` for the rest.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

EXAMPLES = 20


class UnreadableDirectoryError(ValueError):
    """The file as a whole cannot be read. The message says why; nothing was taken from it."""


class Refusal(StrEnum):
    """Why one entry was left out, in words for staff."""

    MALFORMED = "malformed entry"
    DUPLICATE = "the same entry a second time"
    UNKNOWN_REFERENCE = "reference to an entry that is not in the file"
    NO_NAME = "no name"
    NO_ENDPOINT = "no usable FHIR endpoint, neither its own nor its brand's"
    INACTIVE = "not active"
    PROVIDERS = "endpoint for clinicians, not for patients"
    NOT_FHIR = "endpoint that is not a FHIR REST server"
    FHIR_VERSION = "FHIR version other than R4"
    NOT_A_URL = "address that is not a FHIR base URL"
    NOT_HTTPS = "address that is not https"
    CREDENTIALS = "address with a user name or password"
    NOT_PUBLIC = "address on this machine, on a private network or without a domain"
    NOBODYS = "endpoint that no organization names"
    TOO_MANY = "endpoint of an organization that has too many"
    OTHER_ENVIRONMENT = "source that belongs to the other environment"
    PRIVATE = "source that belongs to one workspace"


def numbered(number: int, words: str = "") -> str:
    """An example that little or nothing is known of: which entry of the file it is, the first being 1."""
    return f"entry {number}: {words}" if words else f"entry {number}"


class Format(StrEnum):
    """What kind of file it was, in words for staff."""

    BRANDS = "User-access Brands Bundle"
    ENDPOINTS = "Bundle of endpoints with contained organizations"
    LANTERN = "Lantern list"
    JSON_LIST = "plain list (JSON)"
    CSV_LIST = "plain list (CSV)"

    @property
    def describes_well(self) -> bool:
        """Whether it says more of a place than its name: such a file is believed before a plain list."""
        return self in (Format.BRANDS, Format.ENDPOINTS)


@dataclass(frozen=True, slots=True)
class ListedSource:
    """A FHIR server. `fhir_base_url` is normalised and unique in the listing."""

    fhir_base_url: str
    name: str
    vendor: str | None = None
    portal_url: str | None = None
    logo_url: str | None = None


@dataclass(frozen=True, slots=True)
class ListedPortal:
    """A facility's way to one source: the portal whose name patients know, and what it is for."""

    base_url: str
    name: str = ""
    description: str = ""
    url: str | None = None
    logo_url: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    line: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.city, self.state) if part)


@dataclass(frozen=True, slots=True)
class ListedFacility:
    """A place patients look for.

    `identity` says which facility it is, in this file and in the next edition of it. `brand` is the
    identity of a facility that comes earlier in the listing. `places` are the towns or states of one
    that gives several addresses. `portals` are never empty; each leads to a source of the same listing, and
    no two of a facility to the same one. `npis` are ten digits each.
    """

    identity: str
    name: str
    portals: tuple[ListedPortal, ...]
    brand: str | None = None
    aliases: tuple[str, ...] = ()
    address: Address = Address()
    places: tuple[str, ...] = ()
    website: str = ""
    phone: str = ""
    npis: tuple[str, ...] = ()

    @property
    def base_urls(self) -> tuple[str, ...]:
        return tuple(portal.base_url for portal in self.portals)


@dataclass
class Listing:
    """`facilities` come after their brands. `examples` are names or URLs for staff, at most `EXAMPLES` a reason."""

    format: Format
    sources: list[ListedSource] = field(default_factory=list)
    facilities: list[ListedFacility] = field(default_factory=list)
    refusals: Counter[Refusal] = field(default_factory=Counter)
    examples: dict[Refusal, list[str]] = field(default_factory=dict)

    def refuse(self, refusal: Refusal, example: str = "") -> None:
        """Count one entry that was left out, and remember its name or URL while there is room."""
        self.refusals[refusal] += 1
        known = self.examples.setdefault(refusal, [])
        if example and example not in known and len(known) < EXAMPLES:
            known.append(example)
