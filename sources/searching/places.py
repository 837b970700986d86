"""Towns and states among the words of a query: directories do not list every town of every place."""

from collections.abc import Iterator
from dataclasses import dataclass

from sources.geography import Point, gazetteer
from sources.searching.asked import Word
from sources.searching.vocabulary import STATES
from sources.searching.words import state_code

_TOWN_WORDS = 3
_ABBREVIATED = ("st", "ste", "ft", "mt")


@dataclass(frozen=True)
class Place:
    """A reading of a query: the words that are left, and where. `state` is its name in small letters."""

    rest: tuple[Word, ...]
    state: str
    point: Point | None = None
    is_town_at_the_end: bool = False
    is_state_named: bool = False

    @property
    def is_at_the_end(self) -> bool:
        """Whether the last words say where: then the others hardly do."""
        return self.is_town_at_the_end or self.is_state_named


def places_in(words: tuple[Word, ...]) -> Iterator[Place]:
    """Where the words may say to look, the longest names first: "mercy springfield missouri", "boise st lukes"."""
    if (ending := _state_at_the_end(words)) is not None:
        rest, code = ending
        for count in _lengths(rest):
            if (point := _town(rest[-count:], code)) is not None:
                yield Place(rest[:-count], STATES[code], point, is_state_named=True)
        yield Place(rest, STATES[code], is_state_named=True)
        return
    for count in _lengths(words):
        for town, rest in ((words[-count:], words[:-count]), (words[:count], words[count:])):
            found = None if all(word.is_generic for word in town) else gazetteer().best_known(_name(town))
            if found is not None:
                yield Place(rest, STATES[found[0].lower()], found[1], is_town_at_the_end=rest == words[:-count])


def is_place(words: tuple[Word, ...]) -> bool:
    """Whether the words say where and nothing else: a town, a state, or both."""
    if _state(words) or gazetteer().best_known(_name(words)):
        return True
    ending = _state_at_the_end(words)
    return ending is not None and _town(*ending) is not None


def _state_at_the_end(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], str] | None:
    for count in range(min(3, len(words) - 1), 0, -1):
        if code := _state(words[-count:]):
            return words[:-count], code
    return None


def _state(words: tuple[Word, ...]) -> str:
    return state_code(" ".join(word.typed for word in words))


def _town(words: tuple[Word, ...], state: str) -> Point | None:
    return gazetteer().point(postal_code="", city=_name(words), state=state)


def _lengths(words: tuple[Word, ...]) -> range:
    """How many words a town may have, if one is to be left."""
    return range(min(_TOWN_WORDS, len(words) - 1), 0, -1)


def _name(words: tuple[Word, ...]) -> str:
    """Towns are listed as Saint Louis, Fort Wayne, Mount Vernon."""
    return " ".join(word.canonical if word.typed in _ABBREVIATED else word.typed for word in words)
