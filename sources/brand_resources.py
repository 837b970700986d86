"""One Organization or Endpoint of a User-access Brands Bundle, read into what the catalogue keeps."""

import re
from dataclasses import dataclass

from sources import addresses
from sources.addresses import AddressRefusedError
from sources.bundle import Json, extension_values, extensions, items, mapping, reference_of, text, value_of
from sources.listing import Address, Refusal

NAME_LENGTH = 300
PLACE_LENGTH = 100
ALIASES = 50
# Publishers that do not state the FHIR version put it into the path.
_OLD_VERSION = re.compile(r"/(dstu2|stu3)(/|$)", re.IGNORECASE)
_COUNTRIES = {"United States of America": "US", "United States": "US", "USA": "US"}


@dataclass(frozen=True)
class Portal:
    """The extension organization-portal. Without `endpoints` it stands for all of its brand's."""

    name: str
    url: str | None
    logo: str | None
    endpoints: tuple[str, ...]


def endpoint_url(resource: Json, *, sandbox: bool) -> str:
    """The FHIR base URL of an Endpoint. Raises AddressRefusedError for one that patients cannot use."""
    if resource.get("status") not in (None, "active"):
        raise AddressRefusedError(Refusal.INACTIVE)
    if mapping(resource.get("connectionType")).get("code") not in (None, "hl7-fhir-rest"):
        raise AddressRefusedError(Refusal.NOT_FHIR)
    versions = extension_values(resource, "endpoint-fhir-version", "fhirVersion")
    if versions and not any(str(version).startswith("4.") for version in versions):
        raise AddressRefusedError(Refusal.FHIR_VERSION)
    url = addresses.base_url(text(resource.get("address"), 2000), sandbox=sandbox)
    if not versions and _OLD_VERSION.search(url):
        raise AddressRefusedError(Refusal.FHIR_VERSION)
    return url


def is_hidden(resource: Json) -> bool:
    """Whether the brand only holds others together (brand-flags, before 2.2)."""
    return "hidden" in extension_values(resource, "brand-flags")


def name_of(resource: Json) -> str:
    return text(resource.get("name"), NAME_LENGTH)


def aliases_of(resource: Json) -> list[str]:
    given = resource.get("alias")
    names = [text(alias, NAME_LENGTH) for alias in given] if isinstance(given, list) else []
    return [name for name in names if name][:ALIASES]


def portals_of(resource: Json, *, sandbox: bool) -> list[Portal]:
    portals = [_portal(extension, sandbox) for extension in extensions(resource, "organization-portal")]
    if not portals:
        names = extension_values(resource, "patient-access-name")
        urls = extension_values(resource, "patient-access-url")
        name, url = text(next(iter(names), None), NAME_LENGTH), _link(next(iter(urls), None), sandbox)
        portals = [Portal(name, url, logo=None, endpoints=())] if name or url else []
    return portals


def _portal(extension: Json, sandbox: bool) -> Portal:
    parts: dict[str, object] = {}
    for part in items(extension, "extension"):
        parts.setdefault(str(part.get("url")), value_of(part))
    endpoints = [reference_of(value) for value in extension_values(extension, "portalEndpoint")]
    return Portal(
        name=text(parts.get("portalName"), NAME_LENGTH),
        url=_link(parts.get("portalUrl"), sandbox),
        logo=_link(parts.get("portalLogo"), sandbox, https_only=True),
        endpoints=tuple(reference for reference in endpoints if reference),
    )


def logo_of(resource: Json, *, sandbox: bool) -> str | None:
    """The brand's logo where it is an https URL; a `data:` URL is not kept."""
    values = extension_values(resource, "brand-logo")
    for brand in extensions(resource, "organization-brand"):
        values += extension_values(brand, "brandLogo")
    return next(filter(None, (_link(value, sandbox, https_only=True) for value in values)), None)


def _link(value: object, sandbox: bool, https_only: bool = False) -> str | None:
    return addresses.link(value, sandbox=sandbox, https_only=https_only) if isinstance(value, str) else None


def addresses_of(resource: Json) -> list[Address]:
    """The addresses that name a town, a state or a postal code, each once."""
    found = (_address(raw) for raw in items(resource, "address"))
    return list(dict.fromkeys(address for address in found if address.place or address.postal_code))


def _address(raw: Json) -> Address:
    line = raw.get("line")
    country = text(raw.get("country"), PLACE_LENGTH)
    return Address(
        line=text(", ".join(text(part, NAME_LENGTH) for part in line) if isinstance(line, list) else "", NAME_LENGTH),
        city=text(raw.get("city"), PLACE_LENGTH),
        state=text(raw.get("state"), PLACE_LENGTH),
        postal_code=text(raw.get("postalCode"), 20),
        country=_COUNTRIES.get(country, country),
    )


def website_of(resource: Json) -> str:
    """The host of the public web site: telecom `url`, else the identifier that is one."""
    given = [item.get("value") for item in items(resource, "telecom") if item.get("system") == "url"]
    given += [
        item.get("value")
        for item in items(resource, "identifier")
        if item.get("system") == "urn:ietf:rfc:3986" and str(item.get("value")).lower().startswith("http")
    ]
    hosts = (addresses.host(value) for value in given if isinstance(value, str))
    return next((host for host in hosts if host and len(host) <= NAME_LENGTH), "")


def phone_of(resource: Json) -> str:
    numbers = (text(item.get("value"), 50) for item in items(resource, "telecom") if item.get("system") == "phone")
    return next(filter(None, numbers), "")
