"""Places and distances as patients read them."""

import re

from sources.geography import gazetteer
from sources.models import Facility

KM_IN_A_MILE = 1.609344
_SMALL = {"of", "and", "the", "on", "by", "in"}
_WORD = re.compile(r"[^\W\d_]+(?:['’]S\b)?")


def place_of(facility: Facility) -> str:
    """Where it is, as far as known: "Oakland, CA"; of a brand at several places the first."""
    town, state = town_in_words(facility.city), facility.state
    if not town and (of_code := gazetteer().town_of(facility.postal_code)):
        town, state = of_code
    if town or state:
        return ", ".join(part for part in (town, state if len(state) <= 3 else town_in_words(state)) if part)
    first, *others = facility.places or [""]
    return f"{first} and elsewhere" if others else first


def town_in_words(town: str) -> str:
    """ "FOLSOM" as "Folsom"; what is not all in capitals stays as it is."""
    if not town.isupper():
        return town
    words = _WORD.sub(lambda found: _capitalized(found[0]), town)
    first, *others = words.split(" ")
    return " ".join([first, *(word.lower() if word.lower() in _SMALL else word for word in others)])


def _capitalized(word: str) -> str:
    if len(word) > 4 and word.startswith("MC"):
        return f"Mc{word[2:].capitalize()}"
    return word.capitalize()


def distance_in_words(km: float | None) -> str:
    """ "2.4 miles", "under a mile", "31 miles"; "" where it is not known."""
    if km is None:
        return ""
    miles = km / KM_IN_A_MILE
    if miles < 1:
        return "under a mile"
    number = f"{miles:.0f}" if miles >= 10 else f"{miles:.1f}".removesuffix(".0")
    return f"{number} mile" if number == "1" else f"{number} miles"
