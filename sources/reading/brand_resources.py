"""One Organization or Endpoint of a Bundle, read into what the catalogue keeps, and nothing else of it."""

import re
import sys
from dataclasses import dataclass
from typing import Any

from sources.reading import addresses, servers
from sources.reading.addresses import AddressRefusedError
from sources.reading.elements import (
    Json,
    extension_values,
    extensions,
    items,
    mapping,
    name_in,
    plain,
    reference_of,
    text,
    value_of,
)
from sources.reading.listing import Address, Refusal
from sources.reading.states import state_code

NAME_LENGTH = 300
PLACE_LENGTH = 100
DESCRIPTION_LENGTH = 300
# Of each kind that one Organization may have: more than any has, and not so many that they fill the memory.
ALIASES, PORTALS, ADDRESSES, NPIS = 50, 50, 200, 20
# So many more endpoints are looked at, to say of each that it was too many.
_REFERENCES = 1000
_COUNTRIES = {"United States of America": "US", "United States": "US", "USA": "US"}
_EPIC_BRANDS = "https://open.epic.com/brand-identifier"


@dataclass(slots=True)
class Portal:
    """The extension organization-portal. Without `endpoints` it stands for all of its brand's.

    `endpoints` are references as written until the whole Bundle was read, then identities.
    """

    name: str
    description: str
    url: str | None
    logo: str | None
    endpoints: tuple[str, ...]


@dataclass(slots=True)
class Brand:
    """An Organization. `parent` and `endpoints` are references as written, then identities, as in `Portal`.

    Of the identities there are at most PORTALS.
    """

    identity: str
    name: str
    parent: str | None
    endpoints: tuple[str, ...]
    portals: tuple[Portal, ...]
    aliases: tuple[str, ...]
    addresses: tuple[Address, ...]
    website: str
    phone: str
    npis: tuple[str, ...]
    logo: str | None
    is_active: bool
    is_hidden: bool
    is_epics: bool

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(address.place for address in self.addresses if address.place))


@dataclass(slots=True)
class Endpoint:
    """An Endpoint with its base URL, or with why patients cannot use it and what staff would know it by."""

    identity: str
    name: str
    managed_by: str
    url: str = ""
    refusal: Refusal | None = None
    example: str = ""


def endpoint(identity: str, resource: Json, *, sandbox: bool) -> Endpoint:
    manager = mapping(resource.get("managingOrganization"))
    # Oracle Health wrote the reference into `id` (2023).
    managed_by = reference_of(manager) or text(manager.get("id"), 2000)
    made = Endpoint(identity, name_of(resource), managed_by)
    try:
        made.url = _endpoint_url(resource, sandbox=sandbox)
    except AddressRefusedError as refused:
        made.refusal = refused.refusal
        is_secret = refused.refusal is Refusal.CREDENTIALS
        made.example = text(identity if is_secret else resource.get("address"), 200)
    return made


def _endpoint_url(resource: Json, *, sandbox: bool) -> str:
    if resource.get("status") not in (None, "active"):
        raise AddressRefusedError(Refusal.INACTIVE)
    if mapping(resource.get("connectionType")).get("code") not in (None, "hl7-fhir-rest"):
        raise AddressRefusedError(Refusal.NOT_FHIR)
    versions = extension_values(resource, "endpoint-fhir-version", "fhirVersion")
    if versions and not any(str(version).startswith("4.") for version in versions):
        raise AddressRefusedError(Refusal.FHIR_VERSION)
    url = addresses.base_url(text(resource.get("address"), 2000), sandbox=sandbox)
    if servers.is_for_clinicians(url):
        raise AddressRefusedError(Refusal.PROVIDERS)
    if not versions and servers.speaks_old_fhir(url):
        raise AddressRefusedError(Refusal.FHIR_VERSION)
    return url


def brand(identity: str, resource: Json, *, sandbox: bool) -> Brand:
    portals = _portals(resource, sandbox=sandbox)
    references = [reference_of(item) for item in items(resource, "endpoint")[:_REFERENCES]]
    references += [reference for portal in portals for reference in portal.endpoints]
    return Brand(
        identity=identity,
        name=name_of(resource),
        parent=reference_of(resource.get("partOf")) or None,
        endpoints=tuple(dict.fromkeys(filter(None, references)))[:_REFERENCES],
        portals=portals,
        aliases=_aliases(resource),
        addresses=_addresses(resource),
        website=_website(resource),
        phone=_phone(resource),
        npis=_npis(resource),
        logo=_logo(resource, sandbox=sandbox),
        is_active=resource.get("active") is not False,
        is_hidden="hidden" in extension_values(resource, "brand-flags"),  # before 2.2
        is_epics=any(one.get("system") == _EPIC_BRANDS for one in items(resource, "identifier")),
    )


def name_of(resource: Json) -> str:
    return name_in(resource.get("name"), NAME_LENGTH)


def npis_in(words: str) -> tuple[str, ...]:
    """The National Provider Identifiers in a text: ten digits each."""
    return tuple(dict.fromkeys(re.findall(r"(?<![0-9])[0-9]{10}(?![0-9])", words)))[:NPIS]


def _aliases(resource: Json) -> tuple[str, ...]:
    given = resource.get("alias")
    names = [name_in(alias, NAME_LENGTH) for alias in given[:ALIASES]] if isinstance(given, list) else []
    return tuple(filter(None, names))


def _portals(resource: Json, *, sandbox: bool) -> tuple[Portal, ...]:
    portals = [_portal(extension, sandbox) for extension in extensions(resource, "organization-portal")][:PORTALS]
    return tuple(portals) or _early_portals(resource, sandbox)


def _early_portals(resource: Json, sandbox: bool) -> tuple[Portal, ...]:
    """What the drafts before 2.2 said of the brand's one portal."""

    def first(name: str) -> Any:
        return next(iter(extension_values(resource, name)), None)

    name, url = text(first("patient-access-name"), NAME_LENGTH), _link(first("patient-access-url"), sandbox)
    if not name and not url:
        return ()
    return (Portal(name, plain(first("patient-access-description"), DESCRIPTION_LENGTH), url, None, ()),)


def _portal(extension: Json, sandbox: bool) -> Portal:
    parts: dict[str, object] = {}
    for part in items(extension, "extension"):
        parts.setdefault(str(part.get("url")), value_of(part))
    endpoints = [reference_of(value) for value in extension_values(extension, "portalEndpoint")]
    return Portal(
        name=text(parts.get("portalName"), NAME_LENGTH),
        description=plain(parts.get("portalDescription"), DESCRIPTION_LENGTH),
        url=_link(parts.get("portalUrl"), sandbox),
        logo=_link(parts.get("portalLogo"), sandbox, https_only=True),
        endpoints=tuple(filter(None, endpoints))[:PORTALS],
    )


def _logo(resource: Json, *, sandbox: bool) -> str | None:
    """The brand's logo where it is an https URL; a `data:` URL is not kept."""
    values = extension_values(resource, "brand-logo")
    for one in extensions(resource, "organization-brand"):
        values += extension_values(one, "brandLogo")
    return next(filter(None, (_link(value, sandbox, https_only=True) for value in values)), None)


def _link(value: object, sandbox: bool, https_only: bool = False) -> str | None:
    return addresses.link(value, sandbox=sandbox, https_only=https_only) if isinstance(value, str) else None


def _addresses(resource: Json) -> tuple[Address, ...]:
    """The addresses that name a town, a state or a postal code, each once."""
    found = (_address(raw) for raw in items(resource, "address")[:ADDRESSES])
    return tuple(dict.fromkeys(address for address in found if address.place or address.postal_code))


def _address(raw: Json) -> Address:
    lines: Any = raw.get("line")
    line = ", ".join(text(one, NAME_LENGTH) for one in lines[:10]) if isinstance(lines, list) else ""
    country, state = text(raw.get("country"), PLACE_LENGTH), text(raw.get("state"), PLACE_LENGTH)
    country = _COUNTRIES.get(country, country)
    # A hundred thousand places have the same few towns and states: each is kept once.
    return Address(
        line=text(line, NAME_LENGTH),
        city=sys.intern(text(raw.get("city"), PLACE_LENGTH)),
        state=sys.intern((state_code(state) if country in ("", "US") else None) or state),
        postal_code=sys.intern(text(raw.get("postalCode"), 20)),
        country=sys.intern(country),
    )


def _website(resource: Json) -> str:
    """The host of the public web site: telecom `url`, else the identifier that is one."""
    given = [item.get("value") for item in items(resource, "telecom") if item.get("system") == "url"]
    given += [
        item.get("value")
        for item in items(resource, "identifier")
        if item.get("system") == "urn:ietf:rfc:3986" and str(item.get("value")).lower().startswith("http")
    ]
    hosts = (addresses.host(value) for value in given if isinstance(value, str))
    return next((host for host in hosts if host and len(host) <= NAME_LENGTH), "")


def _phone(resource: Json) -> str:
    numbers = (text(item.get("value"), 50) for item in items(resource, "telecom") if item.get("system") == "phone")
    return next(filter(None, numbers), "")


def _npis(resource: Json) -> tuple[str, ...]:
    """Some publishers swap an identifier's system and value: the one that is no name of the system is the number."""
    pairs = ((text(one.get("system"), 100), text(one.get("value"), 100)) for one in items(resource, "identifier"))
    numbers = [system + " " + value for system, value in pairs if "us-npi" in system or "us-npi" in value]
    return npis_in(" ".join(numbers[:NPIS]))
