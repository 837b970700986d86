"""The catalogue as others read it: a User-access Brands Bundle (SMART App Launch 2.2).

What `sources/reading` makes of the Bundle is the catalogue again: the same sources, places and portals.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from itertools import groupby
from typing import Any, BinaryIO

from django.conf import settings
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from ulid import ULID

from organizations.models import Organization
from sources.models import Facility, Portal, Source

# Raise it when the same catalogue is written differently: readers then get the Bundle once more.
FORMAT = 2
_CHUNK = 2000
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_NPI = "http://hl7.org/fhir/sid/us-npi"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://medblocks.com/connect/sources")
Json = dict[str, Any]


def edition_of(organization: Organization, version: str) -> str:
    """Says which Bundle a workspace gets at this version of the catalogue: the same as long as that is the same."""
    state = [str(FORMAT), version, organization.environment, organization.id, settings.BASE_URL]
    return hashlib.sha256("\n".join(state).encode()).hexdigest()[:32]


def write_brands(file: BinaryIO, *, organization: Organization, version: str) -> None:
    """Write the Bundle of what the workspace may see: Endpoints, then brands, then what is part of them.

    Takes two queries whatever the size, read through cursors on the server, and little memory. Retired places
    and sources are left out, and sources that no place leads to. `version` is the catalogue's, for the date;
    whether it is still that one afterwards is the caller's to ask.
    """
    changed = ULID.from_str(version).datetime.isoformat(timespec="seconds") if version else "1970-01-01T00:00:00+00:00"
    head = {"resourceType": "Bundle", "type": "collection", "timestamp": changed}
    file.write(_json(head)[:-1])
    end = b"}\n"
    for number, resource in enumerate(_resources(organization)):
        # An array that would be empty is left out: FHIR forbids it.
        file.write(b",\n" if number else b',"entry":[\n')
        file.write(_json({"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}))
        end = b"\n]}\n"
    file.write(end)


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _resources(organization: Organization) -> Iterator[Json]:
    ways = _visible_portals(organization)
    silent: set[str] = set()
    for source in _sources(organization, ways):
        yield _endpoint(source)
        if source.is_silent:
            silent.add(source.pk)
    brands: dict[int, list[Json]] = {}
    for facility, portals in _facilities(ways):
        extensions = [said for one in portals if (said := _portal(one, one.source if one.source_id in silent else one))]
        described = [{"reference": f"urn:uuid:{_source_uuid(portal.source_id)}"} for portal in portals]
        ways_in = [*extensions, {"endpoint": described}]
        if facility.has_places:
            brands[facility.pk] = ways_in
        inherits = facility.is_part and brands.get(facility.brand_id) == ways_in
        yield _organization(facility, [] if inherits else extensions, [] if inherits else described)


def _visible_portals(organization: Organization) -> QuerySet[Portal]:
    visible = Source.objects.visible_to(organization)
    return Portal.objects.filter(source__in=visible, facility__retired_at=None)


def _sources(organization: Organization, ways: QuerySet[Portal]) -> Iterator[Any]:
    """The visible sources that a place leads to. `is_silent`: no portal there says anything, so the source speaks."""
    there = Portal.objects.filter(source=OuterRef("pk"))
    sources = Source.objects.visible_to(organization).filter(Exists(ways.filter(source=OuterRef("pk"))))
    sources = sources.annotate(is_silent=~Exists(there.exclude(name="", url=None, logo_url=None)))
    return sources.order_by("pk").iterator(chunk_size=_CHUNK)


def _facilities(ways: QuerySet[Portal]) -> Iterator[tuple[Any, list[Any]]]:
    """The visible places, brands first, each with its portals.

    `is_part`: its brand is visible too. `has_places`: others are part of it.
    """
    above = ways.filter(facility=OuterRef("facility__brand"))
    portals = (
        ways.select_related("facility", "source")
        .annotate(
            is_part=Exists(above),
            has_places=Exists(Facility.objects.filter(brand=OuterRef("facility"))),
            level=Case(When(Q(facility__brand=None), then=Value(0)), default=Value(1)),
        )
        .order_by("level", "facility_id", "pk")
    )
    for _, group in groupby(portals.iterator(chunk_size=_CHUNK), key=lambda portal: portal.facility_id):
        found = list(group)
        facility: Any = found[0].facility
        facility.is_part, facility.has_places = found[0].is_part, found[0].has_places
        yield facility, found


def _source_uuid(source_id: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, source_id)


def _facility_uuid(pk: int) -> uuid.UUID:
    # A place's number means something on this installation only.
    return uuid.uuid5(_NAMESPACE, f"{settings.BASE_URL} facility {pk}")


def _endpoint(source: Source) -> Json:
    absent = {"url": f"{_EXTENSION}data-absent-reason", "valueCode": "asked-unknown"}
    return {
        "resourceType": "Endpoint",
        "id": str(_source_uuid(source.pk)),
        "extension": [{"url": f"{_EXTENSION}endpoint-fhir-version", "valueCode": "4.0.1"}],
        "status": "active",
        "connectionType": {"system": f"{_TERMS}endpoint-connection-type", "code": "hl7-fhir-rest"},
        "name": source.name,
        "contact": [{"system": "url", "_value": {"extension": [absent]}}],
        "payloadType": [{"coding": [{"system": f"{_TERMS}endpoint-payload-type", "code": "none"}]}],
        "address": source.fhir_base_url,
    }


def _organization(facility: Any, portals: list[Json], endpoints: list[Json]) -> Json:
    resource = {
        "resourceType": "Organization",
        "id": str(_facility_uuid(facility.pk)),
        "extension": [*_brand(portals, len(endpoints)), *portals],
        "identifier": _identifiers(facility),
        "active": True,
        "name": facility.name,
        "alias": facility.aliases,
        "telecom": _telecom(facility),
        "address": [_town(place) for place in facility.places] or _address(facility),
        "partOf": {"reference": f"urn:uuid:{_facility_uuid(facility.brand_id)}"} if facility.is_part else None,
        "endpoint": endpoints,
    }
    return {name: value for name, value in resource.items() if value}


def _brand(portals: list[Json], ways: int) -> list[Json]:
    """The logo of the brand itself: the one that all of its portals have."""
    logos = [part["valueUrl"] for one in portals for part in one["extension"] if part["url"] == "portalLogo"]
    if not logos or len(logos) != ways or len(set(logos)) > 1:
        return []
    return [{"url": f"{_EXTENSION}organization-brand", "extension": [{"url": "brandLogo", "valueUrl": logos[0]}]}]


def _portal(portal: Portal, speaker: Portal | Source) -> Json | None:
    """The portal, with the address and logo that `speaker` gives it. None: nothing is said of it."""
    url = speaker.url if isinstance(speaker, Portal) else speaker.portal_url
    parts: list[Json] = [
        {"url": "portalName", "valueString": portal.name},
        {"url": "portalDescription", "valueMarkdown": portal.description},
        {"url": "portalUrl", "valueUrl": url},
        {"url": "portalLogo", "valueUrl": speaker.logo_url},
    ]
    parts = [part for part in parts if any(value for name, value in part.items() if name != "url")]
    if not parts:
        return None
    reference = {"reference": f"urn:uuid:{_source_uuid(portal.source_id)}"}
    extension = [*parts, {"url": "portalEndpoint", "valueReference": reference}]
    return {"url": f"{_EXTENSION}organization-portal", "extension": extension}


def _identifiers(facility: Facility) -> list[Json]:
    found = [{"system": _NPI, "value": npi} for npi in facility.npis]
    if facility.website:
        found.append({"system": "urn:ietf:rfc:3986", "value": f"https://{facility.website}"})
    return found


def _telecom(facility: Facility) -> list[Json]:
    found = [("phone", facility.phone), ("url", facility.website and f"https://{facility.website}")]
    return [{"system": system, "value": value} for system, value in found if value]


def _address(facility: Facility) -> list[Json]:
    address = {
        "line": [facility.address_line] if facility.address_line else None,
        "city": facility.city,
        "state": facility.state,
        "postalCode": facility.postal_code,
        "country": facility.country,
    }
    said = {name: value for name, value in address.items() if value}
    return [said] if said else []


def _town(place: str) -> Json:
    """One of the towns or states of a brand: "Oakland, CA", "CA", or a town alone."""
    city, _, state = place.rpartition(", ")
    if city:
        return {"city": city, "state": state}
    return {"state": place} if len(place) == 2 else {"city": place}
