"""Which facility of the catalogue an entry of a directory is (docs/adr/0016).

In this order: the one that the directory listed under the same key; one that is elsewhere known by the same
name at the same sources, in no other place; the one that a base URL had to itself and still has. Else a new one.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db import connection

from sources.models import Directory, DirectoryEntry, Facility
from sources.reading.listing import Address, ListedFacility

_OTHER_THAN_ASCII_WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True)
class Place:
    """An entry of the listing, or several that are the same place, and the facility that it turned out to be."""

    listed: ListedFacility
    keys: tuple[str, ...]
    facility_id: int = 0
    is_new: bool = False


def gathered(facilities: Iterable[ListedFacility], key: Callable[[str], str]) -> list[Place]:
    """The places of a listing; entries that differ in nothing but case and punctuation are one.

    The first says what it is called; the others add their further names and NPIs.
    """
    places: dict[bytes, Place] = {}
    for one in facilities:
        twin = places.setdefault(_likeness(one), Place(one, ()))
        twin.keys += (key(one.identity),)
        if twin.listed is not one:
            twin.listed = _with_names_of(twin.listed, one)
    return list(places.values())


def _likeness(one: ListedFacility) -> bytes:
    address = one.address
    where = (address.line, address.city, address.state, postal(address.postal_code), *one.places)
    facts = [folded(one.name), *sorted(one.base_urls), "", *map(folded, where)]
    return hashlib.blake2b("\n".join(facts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _with_names_of(first: ListedFacility, twin: ListedFacility) -> ListedFacility:
    aliases = tuple(dict.fromkeys([*first.aliases, *twin.aliases]))
    npis = tuple(dict.fromkeys([*first.npis, *twin.npis]))
    return replace(first, aliases=aliases, npis=npis, brand=first.brand or twin.brand)


def folded(text: str) -> str:
    """Letters and digits only, without case and accents; the text itself if that leaves nothing."""
    plain = text.casefold()
    if plain.isascii():
        return _OTHER_THAN_ASCII_WORDS.sub("", plain) or text
    return "".join(letter for letter in unicodedata.normalize("NFKD", plain) if letter.isalnum()) or text


def postal(code: str) -> str:
    """A postal code without what refines it: "94110-1234" is in 94110."""
    return folded(code.partition("-")[0])


def match(directory: Directory, places: list[Place], source_ids: dict[str, str]) -> None:
    """Give every place its facility's id; the new ones get ids that no facility has yet."""
    _Matching(directory, places, source_ids).run()


@dataclass(slots=True)
class _Candidate:
    facility_id: int
    where: "_Where"
    source_ids: set[str]
    is_staffs: bool

    def fits(self, place: Place, wanted: set[str]) -> bool:
        """Staff's own facilities get no further sources, so they have to have them all."""
        pairs = zip(self.where, _where(place.listed.address), strict=True)
        shared = wanted <= self.source_ids if self.is_staffs else not wanted.isdisjoint(self.source_ids)
        return shared and all(not here or not there or here == there for here, there in pairs)

    def distance(self, place: Place, wanted: set[str]) -> tuple[bool, bool, bool, bool, int]:
        """How much is left open, for choosing among those that fit."""
        there = _where(place.listed.address)
        return (
            wanted != self.source_ids,
            self.where.postal_code != there.postal_code,
            self.where.city != there.city,
            self.where.state != there.state,
            self.facility_id,
        )


class _Where(NamedTuple):
    """A place as it is compared; what is empty is open."""

    postal_code: str
    city: str
    state: str


def _where(address: Address) -> _Where:
    code, city, state = address.postal_code, address.city, address.state
    return _Where(postal(code) if code else "", folded(city) if city else "", folded(state) if state else "")


class _Matching:
    def __init__(self, directory: Directory, places: list[Place], source_ids: dict[str, str]) -> None:
        self.directory, self.places, self.source_ids = directory, places, source_ids
        entries = DirectoryEntry.objects.filter(directory=directory)
        self._known = dict(entries.values_list("key", "facility_id").iterator())
        self._taken: set[int] = set()

    def run(self) -> None:
        self._by_key()
        if unmatched := list(self._unmatched()):
            self._by_name(unmatched)
        if unmatched := list(self._unmatched()):
            self._by_base_url(unmatched)
        for place, new_id in zip(left := list(self._unmatched()), _new_ids(len(left)), strict=True):
            place.facility_id, place.is_new = new_id, True

    def _unmatched(self) -> Iterator[Place]:
        return (place for place in self.places if not place.facility_id)

    def _take(self, place: Place, facility_id: int) -> bool:
        """No facility is two places of one listing."""
        if facility_id in self._taken:
            return False
        place.facility_id = facility_id
        self._taken.add(facility_id)
        return True

    def _by_key(self) -> None:
        for place in self.places:
            for key in place.keys:
                if key in self._known and self._take(place, self._known[key]):
                    break

    def _by_name(self, unmatched: list[Place]) -> None:
        names = {folded(place.listed.name) for place in unmatched}
        wanted = {self.source_ids[url] for place in unmatched for url in place.listed.base_urls}
        candidates = _candidates(names, wanted)
        for place in unmatched:
            own = {self.source_ids[url] for url in place.listed.base_urls}
            fitting = [one for one in candidates.get(folded(place.listed.name), ()) if one.fits(place, own)]
            for candidate in sorted(fitting, key=lambda one: one.distance(place, own)):
                if self._take(place, candidate.facility_id):
                    break

    def _by_base_url(self, unmatched: list[Place]) -> None:
        """For a directory that gave its entries other ids, and another name to some."""
        now = Counter(url for place in self.places for url in place.listed.base_urls)
        before: dict[str, set[int]] = defaultdict(set)
        listed = DirectoryEntry.objects.filter(directory=self.directory).values_list("facility_id", "source_ids")
        for facility_id, source_ids in listed.iterator():
            for source_id in source_ids:
                before[source_id].add(facility_id)
        for place in unmatched:
            for url in place.listed.base_urls:
                earlier = before.get(self.source_ids[url], set())
                if now[url] == len(earlier) == 1 and self._take(place, *earlier):
                    break


def _candidates(names: set[str], source_ids: set[str]) -> dict[str, list[_Candidate]]:
    """The facilities at these sources that are called so, by folded name."""
    found: dict[str, list[_Candidate]] = defaultdict(list)
    query = """
        SELECT f.id, f.name, f.city, f.state, f.postal_code, f.described_by_id IS NULL, array_agg(p.source_id::text)
        FROM sources_facility f JOIN sources_facility_sources p ON p.facility_id = f.id
        WHERE f.id IN (SELECT facility_id FROM sources_facility_sources WHERE source_id = ANY(%s))
        GROUP BY f.id ORDER BY f.id
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, [list(source_ids)])
        for facility_id, name, city, state, code, is_staffs, at in cursor:
            if (called := folded(name)) in names:
                where = _where(Address(city=city, state=state, postal_code=code))
                found[called].append(_Candidate(facility_id, where, set(at), is_staffs))
    return found


def _new_ids(count: int) -> list[int]:
    """Ids known before the rows are written, because the rows name each other as brands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [Facility._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]
