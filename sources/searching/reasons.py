"""Why a place was found, where its name and town do not show it."""

from collections.abc import Collection, Iterable, Iterator

from sources.models import Facility, Portal
from sources.searching.asked import Asked, Word
from sources.searching.links import host_of, host_suffixes
from sources.searching.words import canonical, initials_of, state_words, words_of


def why(asked: Asked, facility: Facility, portals: Collection[Portal]) -> str:
    """A few words for the patient; "" where what the card shows explains the match, or a typo stands between."""
    if asked.links:
        return _same_address(asked, facility, portals)
    if asked.npis and (found := next((npi for npi in asked.npis if npi in facility.npis), "")):
        return f"NPI {found}"
    brand = facility.brand.name if facility.brand else ""
    called = " ".join(portal.name for portal in portals)
    missing = _missing(asked.words, facility.name, brand, called, facility.city, facility.postal_code, facility.state)
    ways = _ways(facility, portals, shown={"", facility.name, brand}) if missing else ()
    return next((f"{words} {name}" for words, name in ways if _explains(missing, name)), "")


def _ways(facility: Facility, portals: Iterable[Portal], *, shown: set[str]) -> Iterator[tuple[str, str]]:
    """What a place may have been found by beside its name and town, the most telling first."""
    yield from (("Also known as", alias) for alias in facility.aliases)
    yield from (("Also in", place) for place in facility.places)
    # The card shows what the directory calls the portal.
    names = (portal.source.name for portal in portals)
    yield from (("Same portal as", name) for name in names if name not in shown)


def _same_address(asked: Asked, facility: Facility, portals: Collection[Portal]) -> str:
    hosts = [facility.website]
    for portal in portals:
        links = (portal.url, portal.source.portal_url, portal.source.fhir_base_url)
        hosts += [host_of(link) for link in links if link]
    for wanted in (suffix for link in asked.links for suffix in host_suffixes(host_of(link))):
        for host in hosts:
            if wanted in host_suffixes(host):
                return f"Web address {host}"
    return ""


def _missing(words: tuple[Word, ...], name: str, *more: str) -> tuple[Word, ...]:
    """The words that are not in the name, its initials, or what else is shown; the last is a state."""
    named = words_of(name)
    if not (missing := _not_in(named, words)):  # as with most hits
        return ()
    shown = [word for text in more for word in words_of(text)]
    return _not_in([*shown, *state_words(more[-1]), *initials_of(named)], missing)


def _explains(words: tuple[Word, ...], text: str) -> bool:
    found = words_of(text)
    return not _not_in([*found, *initials_of(found)], words)


def _not_in(found: Collection[str], words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words that none of those found is a form of, or begins with."""
    begun, forms = f" {' '.join(found)}", set(map(canonical, found))
    return tuple(word for word in words if word.canonical not in forms and f" {word.typed}" not in begun)
