"""A made-up catalogue of any size, row by row, as it would be after importing many real directories."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.naming import Namer, Town, site_of

FACILITIES_PER_SOURCE = 120
FACILITIES_PER_BRAND = 75
# As in real directories: one vendor's practices all share one address, another's sources share a host.
ON_ONE_ADDRESS = 0.15
ON_A_SHARED_HOST = 0.4


@dataclass(frozen=True, slots=True)
class MadeSource:
    name: str
    fhir_base_url: str
    portal_url: str


@dataclass(frozen=True, slots=True)
class MadeFacility:
    """`pk` counts from 1, `brand` is the pk of an earlier one, `sources` are places in the list of sources."""

    pk: int
    name: str
    aliases: list[str]
    brand: int | None
    town: Town
    places: list[str]
    website: str
    npis: list[str]
    sources: tuple[int, ...]


def made_up_sources(facilities: int, seed: int) -> list[MadeSource]:
    rng = random.Random(seed)
    namer = Namer(rng)
    return [_source(rng, namer, number) for number in range(max(20, facilities // FACILITIES_PER_SOURCE))]


def made_up_facilities(count: int, sources: list[MadeSource], seed: int) -> Iterator[MadeFacility]:
    """`count` facilities, brands included and before their places. The same arguments give the same rows."""
    rng = random.Random(seed + 1)
    namer = Namer(rng)
    brand, left = None, 0
    for pk in range(1, count + 1):
        if rng.random() < ON_ONE_ADDRESS:
            yield _facility(rng, namer, pk, None, (0,))
        elif brand is None or left == 0:
            brand, left = _brand(rng, namer, pk, sources), int(FACILITIES_PER_BRAND * rng.uniform(0.2, 1.8))
            yield brand
        else:
            left -= 1
            yield _facility(rng, namer, pk, brand, brand.sources)


def _source(rng: random.Random, namer: Namer, number: int) -> MadeSource:
    name = namer.brand()
    site = f"{site_of(name)}-{number}.example"
    if rng.random() < ON_A_SHARED_HOST:
        url = f"https://fhir.sharedvendor.example/r4/{rng.getrandbits(128):032x}"
    else:
        url = f"https://fhir.{site}/api/FHIR/R4"
    return MadeSource(name, url, f"https://mychart.{site}/")


def _brand(rng: random.Random, namer: Namer, pk: int, sources: list[MadeSource]) -> MadeFacility:
    number = rng.randrange(1, len(sources))
    other = (rng.randrange(1, len(sources)),) if rng.random() < 0.1 else ()
    name = sources[number].name if rng.random() < 0.6 else namer.brand()
    states = sorted({namer.town()[1] for _ in range(rng.randint(1, 3))})
    chosen = tuple(dict.fromkeys((number, *other)))
    return MadeFacility(
        pk, name, namer.aliases(name), None, ("", "", ""), states, f"{site_of(name)}.example", [], chosen
    )


def _facility(
    rng: random.Random, namer: Namer, pk: int, brand: MadeFacility | None, sources: tuple[int, ...]
) -> MadeFacility:
    town = namer.town()
    name = namer.facility(brand.name if brand else f"{namer.coined()} Care", town)
    npis = [f"1{rng.randrange(10**9):09}"] if rng.random() < 0.2 else []
    city = town[0] if rng.random() < 0.1 else town[0].title()
    return MadeFacility(pk, name, [], brand.pk if brand else None, (city, town[1], town[2]), [], "", npis, sources)
