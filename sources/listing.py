"""What a directory says, whatever its format: sources, facilities, and what was refused and why.

Each format has a reader (`brands.py`) that makes a `Listing`; `directory.py` stores it.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class UnreadableDirectoryError(ValueError):
    """The file as a whole cannot be read. The message says why; nothing was taken from it."""


class Refusal(StrEnum):
    """Why one entry was left out, in words for staff."""

    MALFORMED = "malformed entry"
    DUPLICATE = "second entry with the same id"
    UNKNOWN_REFERENCE = "reference to an entry that is not in the file"
    NO_NAME = "no name"
    NO_ENDPOINT = "no usable FHIR endpoint, neither its own nor its brand's"
    INACTIVE = "not active"
    NOT_FHIR = "endpoint that is not a FHIR REST server"
    FHIR_VERSION = "FHIR version other than R4"
    NOT_A_URL = "address that is not a FHIR base URL"
    NOT_HTTPS = "address that is not https"
    CREDENTIALS = "address with a user name or password"
    NOT_PUBLIC = "address on this machine, on a private network or without a domain"
    NOBODYS = "endpoint that no organization names"
    OTHER_ENVIRONMENT = "source that belongs to the other environment"
    PRIVATE = "source that belongs to one workspace"


@dataclass(frozen=True)
class ListedSource:
    """A FHIR server. `fhir_base_url` is normalised and unique in the listing."""

    fhir_base_url: str
    name: str
    portal_url: str | None = None
    logo_url: str | None = None


@dataclass(frozen=True)
class Address:
    line: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.city, self.state) if part)


@dataclass(frozen=True)
class ListedFacility:
    """A place patients look for.

    `identity` says which facility it is, in this file and in the next edition of it. `brand` is the
    identity of a facility that comes earlier in the listing. `places` are the towns or states of one
    that gives several addresses. `base_urls` are those of sources in the same listing, never empty.
    """

    identity: str
    name: str
    base_urls: tuple[str, ...]
    brand: str | None = None
    aliases: tuple[str, ...] = ()
    address: Address = Address()
    places: tuple[str, ...] = ()
    website: str = ""
    phone: str = ""


@dataclass
class Listing:
    sources: list[ListedSource] = field(default_factory=list)
    facilities: list[ListedFacility] = field(default_factory=list)
    refusals: Counter[Refusal] = field(default_factory=Counter)
