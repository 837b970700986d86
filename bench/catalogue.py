"""Made-up directories: a User-access Brands Bundle (SMART App Launch 2.2) of any size, for benchmarks and the demo."""

import random
import re
import uuid
from collections.abc import Sequence
from typing import Any

from bench import names

FACILITIES_PER_BRAND = 75
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
Json = dict[str, Any]


def made_up_bundle(sources: Sequence[tuple[str, str]], facilities: int, seed: int) -> Json:
    """A directory of `facilities` places, brands included, at `sources` (name and FHIR base URL of each).

    As in Epic's: each source has at least a brand of its name, larger directories have several brands for
    each source, about every tenth brand has two portals, and the facilities are part of a brand. The same
    arguments make the same Bundle; names recur in different towns.
    """
    maker = _Maker(random.Random(seed))
    endpoints = [maker.endpoint(name, url) for name, url in sources]
    count = max(len(sources), round(facilities / FACILITIES_PER_BRAND))
    brands = [maker.brand(number, endpoints) for number in range(count)]
    places = [maker.facility(maker.rng.choice(brands)) for _ in range(facilities - count)]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": "2026-01-01T00:00:00Z",
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in (*endpoints, *brands, *places)],
    }


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def endpoint(self, name: str, url: str) -> Json:
        return {
            "resourceType": "Endpoint",
            "id": self._id(),
            "extension": [{"url": f"{_EXTENSION}endpoint-fhir-version", "valueCode": "4.0.1"}],
            "status": "active",
            "connectionType": {
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                "code": "hl7-fhir-rest",
            },
            "name": name,
            "payloadType": [{"coding": [{"code": "none"}]}],
            "address": url,
        }

    def brand(self, number: int, endpoints: list[Json]) -> Json:
        """The first brands have the names of the sources, one each."""
        chosen = [endpoints[number % len(endpoints)]]
        if number >= len(endpoints) > 1 and self.rng.random() < 0.1:
            chosen.append(endpoints[(number + 1) % len(endpoints)])
        name = chosen[0]["name"] if number < len(endpoints) else self._brand_name()
        site = re.sub(r"[^a-z]+", "-", name.lower()).strip("-")
        states = self.rng.sample(names.TOWNS, self.rng.randint(1, 3))
        return {
            "resourceType": "Organization",
            "id": self._id(),
            "extension": [self._portal(name, site, endpoint) for endpoint in chosen],
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"https://{site}.example"}],
            "active": True,
            "name": name,
            "alias": self._aliases(name),
            "telecom": [{"system": "url", "value": f"https://www.{site}.example"}],
            "address": [{"state": state, "country": "US"} for state in sorted({state for _, state, _ in states})],
            "endpoint": [{"reference": f"urn:uuid:{endpoint['id']}"} for endpoint in chosen],
        }

    def facility(self, brand: Json) -> Json:
        return {
            "resourceType": "Organization",
            "id": self._id(),
            "active": True,
            "name": self._facility_name(brand),
            "address": [self._address()],
            "partOf": {"reference": f"urn:uuid:{brand['id']}"},
        }

    def _portal(self, name: str, site: str, endpoint: Json) -> Json:
        parts = [
            {"url": "portalName", "valueString": f"My{name.split()[0]} at {endpoint['name']}"},
            {"url": "portalUrl", "valueUrl": f"https://portal.{site}.example/"},
            {"url": "portalEndpoint", "valueReference": {"reference": f"urn:uuid:{endpoint['id']}"}},
        ]
        return {"url": f"{_EXTENSION}organization-portal", "extension": parts}

    def _brand_name(self) -> str:
        kinds = names.PAYERS if self.rng.random() < 0.15 else names.SYSTEMS
        return f"{self._coined()} {self.rng.choice(kinds)}"

    def _facility_name(self, brand: Json) -> str:
        place = self.rng.choice(names.PLACES)
        kind = self.rng.random()
        if kind < 0.4:
            return f"{brand['name'].split()[0]} {place}"
        if kind < 0.5:
            return f"{self.rng.choice(('St.', 'Saint'))} {self.rng.choice(names.SAINTS)} {place}"
        return f"{self._coined()} {place}"

    def _coined(self) -> str:
        return self.rng.choice(names.STEMS) + self.rng.choice(names.ENDINGS)

    def _aliases(self, name: str) -> list[str]:
        initials = "".join(word[0] for word in re.findall(r"\w+", name)).upper()
        return [initials] if len(initials) > 1 else []

    def _address(self) -> Json:
        city, state, codes = self.rng.choice(names.TOWNS)
        return {
            "line": [f"{self.rng.randint(1, 9999)} {self.rng.choice(names.STREETS)}"],
            "city": city.upper() if self.rng.random() < 0.05 else city,
            "state": state,
            "postalCode": self.rng.choice(codes),
            "country": "US",
        }

    def _id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
