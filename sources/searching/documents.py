"""What the search index holds: one document for each facility and each of its portals."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from sources.geography import Point, gazetteer
from sources.models import Source
from sources.searching.catalogue import NO_BRAND, Listed, Way, brands, facilities
from sources.searching.grid import ANYWHERE, MICRO, NOWHERE, UNKNOWN_CELL, cells_around, state_cell, states_as_bits
from sources.searching.links import (
    NO_HOST,
    Host,
    address_of,
    customers,
    host_suffixes,
    host_words,
    own_host,
    shared_hosts,
    tenant_ids,
)
from sources.searching.schema import BEGINNINGS, LONGEST_EDGE, PLACE
from sources.searching.vocabulary import GENERIC
from sources.searching.words import (
    canonical,
    canonical_words,
    initials_of,
    joined,
    state_code,
    state_words,
    states_in,
    whole,
    words_of,
)

SHARED = "shared"


def documents() -> Iterator[dict[str, Any]]:
    """The documents in the order of equally good hits, and one for each word that they know.

    It is the order of `facilities`. Memory grows with the sources, brands and words, not with the facilities.
    """
    frequencies: Counter[str] = Counter()
    sources = {source.pk: (number, source) for number, source in enumerate(Source.objects.filter(retired_at=None))}
    shared = shared_hosts(_links(source) for _, source in sources.values())
    hosts = {pk: _SourceWords(source, shared) for pk, (_, source) in sources.items()}
    owners = customers({pk: source.fhir_base_url for pk, (_, source) in sources.items()}, shared)
    known_brands = brands()
    for position, (facility, ways) in enumerate(facilities()):
        known = [way for way in ways if way.source_id in sources]
        if not known:
            continue
        brand = known_brands.get(facility.brand_id or 0, NO_BRAND)
        is_seen = all(brand.is_seen_with(sources[way.source_id][1]) for way in known)
        group = _group(facility, {owners[way.source_id] for way in known})
        about = _About(facility, brand.name if is_seen else "", group=group)
        for way in known:
            number, source = sources[way.source_id]
            host = own_host(way.url, shared) if way.url else NO_HOST
            words = hosts[way.source_id]
            yield about.document(way, source, words, host) | {"position": position, "source_number": number}
        # Names in both forms of their words: "surgicl" is near surgical, and far from surgery.
        words_known = dict.fromkeys((*about.name, *words_of(facility.name), *about.other, *about.place))
        frequencies.update(word for word in words_known if len(word) > 2)
    for word, frequency in frequencies.items():
        yield {"known_word": word, "frequency": frequency}


def _group(facility: Listed, owners: set[str]) -> int:
    """The same number for places of one name behind portals of the same: one card for patients."""
    key = "\n".join([whole(words_of(facility.name)), *sorted(owners)])
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7).digest())


def accesses(source: Source) -> list[str]:
    """Terms for who may see the source, and by which registration its patients sign in."""
    seen_by = access(source.environment, source.organization_id)
    return [seen_by, f"{seen_by}|{source.pk}", *([f"{seen_by}|{source.type}"] if source.type else [])]


def access(environment: str, organization_id: str | None) -> str:
    return f"{environment}|{organization_id or SHARED}"


def _links(source: Source) -> list[str]:
    return [link for link in (source.portal_url, source.fhir_base_url) if link]


class _Words:
    """Words as a field has them, and as the field of their beginnings does."""

    def __init__(self, words: Iterable[str]) -> None:
        once = dict.fromkeys(words)
        self.text = " ".join(once)
        self.beginnings = " ".join(dict.fromkeys(chain.from_iterable(map(_beginnings, once))))


@lru_cache(maxsize=100_000)
def _beginnings(word: str) -> tuple[str, ...]:
    return tuple(_cut(word, LONGEST_EDGE))


def _cut(text: str, longest: int) -> Iterator[str]:
    """The beginnings of a text, the shortest first."""
    return (text[:length] for length in range(1, min(len(text), longest) + 1))


class _SourceWords:
    """What a source is found by, whichever facility is asked for."""

    def __init__(self, source: Source, shared: set[str]) -> None:
        hosts = [own_host(link, shared) for link in _links(source)]
        self.hosts = [suffix for host in hosts for suffix in host.suffixes]
        self.urls = [address_of(source.fhir_base_url), *tenant_ids(source.fhir_base_url)]
        self.others = _Words(canonical_words(source.name))
        self.places = _Words([word for host in hosts for word in host.words])
        self.states = states_in(words_of(source.name)) + [
            code for host in hosts for code in states_in(tuple(host.words))
        ]


class _About:
    """A facility as the index describes it, the same for each of its portals."""

    def __init__(self, facility: Listed, brand: str, group: int) -> None:
        self.facility, self.group = facility, group
        raw = words_of(facility.name)
        self.name = [canonical(word) for word in raw]
        others = [words_of(text) for text in (*other_names(facility.name), *facility.aliases)]
        self.whole = whole(raw)
        self.also = list(dict.fromkeys(also for words in others if (also := whole(words)) != self.whole))
        self.initials = [short for words in (raw, *others) for short in initials_of(words)]
        self.other = [canonical(word) for words in others for word in words] + list(canonical_words(brand))
        pairs = [pair for words in (raw, tuple(self.name), *others) for pair in joined(words)]
        self.place = _place_words(facility)
        self.names = _Words(self.name)
        self.others = _Words([*self.other, *pairs])
        self.places = _Words([*self.place, *host_words(facility.website)])
        self.states = _states(facility, [raw, *others, words_of(brand)])
        self.hosts = host_suffixes(facility.website) if facility.website else []
        self.point = gazetteer().point(
            postal_code=facility.postal_code, city=facility.city, state=state_code(facility.state)
        )

    def document(self, way: Way, source: Source, words: _SourceWords, host: Host) -> dict[str, Any]:
        others = [self.others, words.others, *([_Words(canonical_words(way.name))] if way.name else [])]
        places = [self.places, words.places, *([_Words(host.words)] if host.words else [])]
        states = dict.fromkeys([*self.states, *words.states, *states_in(words_of(way.name))])
        point = self.point
        return {
            "name": self.names.text,
            "other": " ".join(part.text for part in others),
            "place": " ".join(part.text for part in places),
            "any": " ".join(part.text for part in (self.names, *others, *places)),
            "name_edge": self.names.beginnings,
            "other_edge": " ".join(part.beginnings for part in others),
            "place_edge": " ".join(part.beginnings for part in places),
            "whole": self.whole,
            "also": self.also,
            "initials": list(dict.fromkeys(self.initials)),
            "begins": list(_cut(self.whole, BEGINNINGS["whole"][1])),
            "host": list(dict.fromkeys([*self.hosts, *words.hosts, *host.suffixes])),
            "url": words.urls,
            "cell": _cells(point, states),
            "npi": self.facility.npis,
            "kind": PLACE,
            "access": accesses(source),
            "vendor": source.type or "",
            "pair": way.pair,
            "facility": self.facility.pk,
            "group": self.group,
            "latitude": round(point.latitude * MICRO) if point else NOWHERE,
            "longitude": round(point.longitude * MICRO) if point else NOWHERE,
            "states": states_as_bits(states) or ANYWHERE,
        }


def _cells(point: Point | None, states: Collection[str]) -> list[str]:
    """Where it is: around its point, in its states; or nobody knows where."""
    return [*(cells_around(point) if point else []), *map(state_cell, states)] or [UNKNOWN_CELL]


def other_names(name: str) -> list[str]:
    """Names that directories put into one: "Riverside (RMC)", "Mercy LLC dba Mercy Clinic"."""
    parts = re.split(r"\bd/?b/?a\b:?|\bformerly\b|\baka\b|[()\[\]|]", name, flags=re.IGNORECASE)
    found = [part.strip(" ,;:-") for part in parts]
    return [part for part in found if part and not GENERIC.issuperset(canonical_words(part))] if len(found) > 1 else []


def _place_words(facility: Listed) -> list[str]:
    towns = [facility.city, *facility.places]
    states = dict.fromkeys([facility.state, *(place.rpartition(", ")[2] for place in facility.places)])
    words = [*(canonical(word) for town in towns for word in words_of(town))]
    words += [word for state in states for word in _state_words(state)]
    return [*words, *words_of(facility.postal_code)[:1], *joined(words_of(facility.city))]


@lru_cache(maxsize=500)
def _state_words(state: str) -> list[str]:
    return [*state_words(state), *canonical_words(" ".join(state_words(state)))]


def _states(facility: Listed, names: list[tuple[str, ...]]) -> list[str]:
    """The states a place is in, by its addresses and its names."""
    addressed = [facility.state, *(place.rpartition(", ")[2] for place in facility.places)]
    codes = [state_code(state) for state in addressed] + [code for words in names for code in states_in(words)]
    return [code for code in codes if code]
