"""What a patient may choose, in words: places that were found, and portals that were suggested. No queries."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from flows.models import PatientFlow
from organizations.origins import is_local
from picker import presenters
from picker.asked import Asked
from picker.place_names import distance_in_words, place_of
from sources.models import Facility, Portal, Source
from sources.search import Hit


@dataclass(frozen=True)
class Door:
    """One portal of a place: where a press leads, and what tells it from the place's other ones."""

    address: str
    name: str = ""
    description: str = ""


@dataclass(frozen=True)
class Card:
    """One thing a patient may choose."""

    name: str
    initials: str
    doors: tuple[Door, ...] = ()
    details: tuple[str, ...] = ()
    why: str = ""
    number: int = 0
    """Its place among the results; 0 for what was suggested."""
    ask_address: str = ""
    """Where to ask for it. Set: nobody can sign in there yet."""


def found_card(flow: PatientFlow, hit: Hit, number: int, asked: Asked) -> Card:
    """A place that was found, with a door for each portal that patients can sign in to."""
    facility = hit.facility
    offered = [portal for portal in hit.portals if portal.is_offered]
    names = _distinct_names(offered, facility)
    doors = tuple(
        Door(presenters.confirm_path(flow, portal.source, facility, asked.in_address), name, portal.description)
        for portal, name in zip(offered, names, strict=True)
    )
    return Card(
        name=facility.name,
        initials=initials(facility.name),
        doors=doors,
        details=tuple(filter(None, _details(hit, offered))),
        why=hit.why,
        number=number,
        ask_address="" if offered else _ask_address(flow, hit, asked),
    )


def source_card(flow: PatientFlow, source: Source) -> Card:
    """A source that the patient need not search for."""
    host = portal_host(source)
    door = Door(presenters.confirm_path(flow, source))
    return Card(name=source.name, initials=initials(source.name), doors=(door,), details=(host,) if host else ())


def _ask_address(flow: PatientFlow, hit: Hit, asked: Asked) -> str:
    wanted = {"name": hit.facility.name, "connection_id": hit.portals[0].source_id}
    return asked.address(presenters.link_path(flow, "missing"), **wanted)


def _details(hit: Hit, offered: list[Portal]) -> list[str]:
    """The lines under a place's name, "" among them for what is not known."""
    facility, others = hit.facility, hit.others
    where = " · ".join(filter(None, [place_of(facility), distance_in_words(hit.distance_km)]))
    if others:
        where = f"{where}, and {others} more place{'s' if others > 1 else ''}".removeprefix(", ")
    brand = facility.brand.name if facility.brand else ""
    lines = [where, f"Part of {brand}" if brand and not _same(brand, facility.name) else ""]
    if len(offered) == 1:
        lines.append(" · ".join(filter(None, [portal_name(offered[0], facility), portal_host_of(offered[0])])))
    return lines


def portal_name(portal: Portal, facility: Facility) -> str:
    """What the portal calls itself, where that says more than the names of the place and its brand."""
    if portal.name:
        return portal.name
    known = [facility.name, *([facility.brand.name] if facility.brand else [])]
    return "" if any(_same(portal.source.name, name) for name in known) else f"{portal.source.name} portal"


def _distinct_names(portals: list[Portal], facility: Facility) -> list[str]:
    """A name for each of a place's portals, no two the same if hosts or sources tell them apart; "" for an only one."""
    if len(portals) == 1:
        return [""]
    names = [portal_name(portal, facility) or portal_host_of(portal) or portal.source.name for portal in portals]
    for more in (portal_host_of, lambda portal: portal.source.name):
        often = Counter(names)
        names = [
            f"{name} ({more(portal)})" if often[name] > 1 and more(portal) else name
            for name, portal in zip(names, portals, strict=True)
        ]
    return names


def portal_host_of(portal: Portal) -> str:
    """The web host that this facility's patients know the portal by."""
    return _host(portal.url) if portal.url else portal_host(portal.source)


def portal_host(source: Source) -> str:
    """The web host that a patient knows the portal by; "" for one on this machine, which tells nobody anything."""
    return _host(source.portal_url or source.fhir_base_url)


@lru_cache(maxsize=10_000)
def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return "" if is_local(host) else host.removeprefix("www.")


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def initials(name: str) -> str:
    """One or two letters in place of a logo."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:2]).upper() or "•"
