"""`python -m bench.epic_scale FILE`: a made-up directory in the form and at the size of the largest real one.

96,627 organizations and 817 endpoints, about 94.6 MB: a User-access Brands Bundle as Epic publishes it. Brands have
states only, an alias, a brand number and a portal; places are part of a brand and have a town. Several brands share
an endpoint, sizes differ widely, and there are capitals, ZIP+4 codes, missing towns and near-duplicates.
"""

import argparse
import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.naming import Namer, Town, site_of

ORGANIZATIONS, ENDPOINTS, BRANDS = 96_627, 817, 1_245
MOST_BRANDS_ON_ONE_ENDPOINT = 42
SEED = 20260830
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_HEAD = (
    '{\n  "resourceType": "Bundle",\n  "type": "collection",\n  "timestamp": "2026-08-30T04:00:00Z",\n  "entry": [\n'
)
Json = dict[str, Any]


def write_directory(
    path: Path,
    *,
    organizations: int = ORGANIZATIONS,
    endpoints: int = ENDPOINTS,
    brands: int = BRANDS,
    seed: int = SEED,
) -> None:
    """Write the file entry by entry; memory does not grow with it. The same arguments write the same bytes."""
    maker = _Maker(random.Random(seed))
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        for number, resource in enumerate(maker.resources(organizations, endpoints, brands)):
            entry = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
            file.write((",\n" if number else "") + json.dumps(entry, indent=2))
        file.write("\n  ]\n}\n")


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng, self.namer = rng, Namer(rng)

    def resources(self, organizations: int, endpoints: int, brands: int) -> Iterator[Json]:
        """Endpoints, then each brand with its places."""
        made = [self.endpoint(number) for number in range(endpoints)]
        yield from made
        for number, size in enumerate(self._sizes(organizations - brands, brands)):
            brand = self.brand(number, self._endpoint_of(number, made), is_first=number < endpoints)
            yield brand
            yield from self.facilities(brand, size)

    def endpoint(self, number: int) -> Json:
        name = self.namer.brand()
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
            "contact": [{"system": "url", "value": "https://fhir.vendor.example"}],
            "payloadType": [{"coding": [{"code": "none"}]}],
            "address": f"https://{site_of(name)}-{number}.example/interconnect/api/FHIR/R4/",
        }

    def brand(self, number: int, endpoint: Json, *, is_first: bool) -> Json:
        name = endpoint["name"] if is_first else self.namer.brand()
        site, states = site_of(name), {self.namer.town()[1] for _ in range(self.rng.randint(1, 4))}
        return self._organization(name) | {
            "extension": [self._brand(site), self._portal(name, site, endpoint)],
            "identifier": [
                {"system": "https://open.vendor.example/brand-identifier", "value": str(1000 + number)},
                {"system": "urn:ietf:rfc:3986", "value": f"https://{site}.example"},
            ],
            "alias": [*self.namer.aliases(name), f"{name} and Affiliates"],
            "telecom": [{"system": "url", "value": f"https://www.{site}.example"}],
            "address": [{"state": state, "country": "US"} for state in sorted(states)],
            "endpoint": [{"reference": f"urn:uuid:{endpoint['id']}"}],
        }

    def facilities(self, brand: Json, count: int) -> Iterator[Json]:
        last: tuple[str, Town] | None = None
        for _ in range(count):
            if last and self.rng.random() < 0.03:
                name, town = last[0].swapcase() if self.rng.random() < 0.5 else f"{last[0]} ", last[1]
            else:
                town = self.namer.town()
                name = self.namer.facility(brand["name"], town)
            last = name, town
            yield self.facility(brand, name, town)

    def facility(self, brand: Json, name: str, town: Town) -> Json:
        city, state, code = town
        address = {"line": [f"{self.rng.randint(1, 9999)} {self.namer.coined()} Ave"], "city": city.title()}
        address |= {"state": state, "postalCode": self.namer.postal_code(code), "country": "US"}
        if self.rng.random() < 0.02:
            del address["city"]
        elif self.rng.random() < 0.1:
            address["city"] = city.upper()
        phone = f"{self.rng.randint(201, 989)}-555-01{self.rng.randint(0, 99):02}"
        return self._organization(name) | {
            "telecom": [{"system": "phone", "value": phone, "use": "work"}],
            "address": [address],
            "partOf": {"reference": f"urn:uuid:{brand['id']}", "display": brand["name"]},
        }

    def _organization(self, name: str) -> Json:
        kind = {"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "prov"}
        return {
            "resourceType": "Organization",
            "id": self._id(),
            "active": True,
            "type": [{"coding": [kind | {"display": "Healthcare Provider"}]}],
            "name": name,
        }

    def _brand(self, site: str) -> Json:
        logo = {"url": "brandLogo", "valueUrl": f"https://static.{site}.example/logo.png"}
        return {"url": f"{_EXTENSION}organization-brand", "extension": [logo]}

    def _portal(self, name: str, site: str, endpoint: Json) -> Json:
        parts = [
            {"url": "portalName", "valueString": f"My{name.split()[0]}"},
            {"url": "portalDescription", "valueMarkdown": f"Your record at {name}"},
            {"url": "portalUrl", "valueUrl": f"https://portal.{site}.example/"},
            {"url": "portalEndpoint", "valueReference": {"reference": f"urn:uuid:{endpoint['id']}"}},
        ]
        return {"url": f"{_EXTENSION}organization-portal", "extension": parts}

    def _endpoint_of(self, number: int, endpoints: list[Json]) -> Json:
        """The first brands have an endpoint each; of the others many share the first one, as community clinics do."""
        extra = number - len(endpoints)
        if extra < 0:
            return endpoints[number]
        return endpoints[0] if extra < MOST_BRANDS_ON_ONE_ENDPOINT - 1 else self.rng.choice(endpoints[1:] or endpoints)

    def _sizes(self, places: int, brands: int) -> list[int]:
        """How many places each brand has: several hundred are common, none at all too."""
        weights = [self.rng.paretovariate(1.1) for _ in range(brands)]
        total = sum(weights)
        sizes = [min(2000, int(places * weight / total)) for weight in weights]
        for number in range(places - sum(sizes)):
            sizes[number % brands] += 1
        return sizes

    def _id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a made-up directory at the size of the largest real one.")
    parser.add_argument("file", type=Path)
    path = parser.parse_args().file
    write_directory(path)
    print(f"{path}: {path.stat().st_size / 1_000_000:.1f} MB")


if __name__ == "__main__":
    main()
