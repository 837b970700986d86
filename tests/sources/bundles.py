"""Small User-access Brands Bundles, put together in tests."""

import json
from typing import Any

EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
Json = dict[str, Any]


def bundle(*resources: Json) -> bytes:
    """A Bundle with these resources, each under `urn:uuid:<id>` unless it has a `fullUrl` of its own."""
    entries = [
        {"fullUrl": one.pop("fullUrl", f"urn:uuid:{one.get('id')}"), "resource": one}
        for one in (dict(resource) for resource in resources)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def endpoint(number: int, address: str, **more: Any) -> Json:
    return {
        "resourceType": "Endpoint",
        "id": uid(number),
        "status": "active",
        "extension": [{"url": f"{EXTENSION}endpoint-fhir-version", "valueCode": "4.0.1"}],
        "address": address,
        **more,
    }


def organization(number: int, name: str | None, *, endpoints: tuple[int, ...] = (), **more: Any) -> Json:
    resource: Json = {"resourceType": "Organization", "id": uid(number), "name": name, **more}
    if endpoints:
        resource["endpoint"] = [{"reference": f"urn:uuid:{uid(one)}"} for one in endpoints]
    return resource


def part_of(number: int) -> Json:
    return {"reference": f"urn:uuid:{uid(number)}"}


def portal(name: str, url: str, *endpoints: int) -> Json:
    parts: list[Json] = [{"url": "portalName", "valueString": name}, {"url": "portalUrl", "valueUrl": url}]
    parts += [{"url": "portalEndpoint", "valueReference": {"reference": f"urn:uuid:{uid(one)}"}} for one in endpoints]
    return {"url": f"{EXTENSION}organization-portal", "extension": parts}
