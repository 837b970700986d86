"""What a patient asks for: words, web addresses, identifiers and places, told apart."""

import re
from dataclasses import dataclass

from sources.geography import Point, postal_code_point
from sources.searching.links import is_link
from sources.searching.vocabulary import FILLERS, GENERIC, LEGAL, SPECIALTIES, SYSTEMS
from sources.searching.words import canonical, whole, words_of

MAX_TEXT = 300
MAX_WORDS = 10
_NPI = re.compile(r"[12]\d{9}", re.ASCII)
# What the field for a ZIP code is for; and "me" would be Maine.
_NEAR_ME = re.compile(
    r"\b(?:(?:near(?:est)?|close(?:st)?)(?: to)? me|around me|near ?by|nearest|closest)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Word:
    """A word as typed (folded) and in its one form. `is_common`: thousands of places have it."""

    typed: str
    canonical: str
    is_common: bool = False

    @property
    def is_generic(self) -> bool:
        return self.canonical in GENERIC or self.canonical in LEGAL


@dataclass(frozen=True)
class Asked:
    """A query, read. `near` is the place of a postal code among the words."""

    words: tuple[Word, ...] = ()
    links: tuple[str, ...] = ()
    npis: tuple[str, ...] = ()
    near: Point | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.links or self.npis or self.near)

    @property
    def whole(self) -> str:
        """The words as a name to compare with others."""
        return whole(tuple(word.typed for word in self.words))

    @property
    def shorter(self) -> list[str]:
        """The name without the words at its end that nearly every name has, as long as two are left."""
        words = list(self.words)
        found = []
        while len(words) > 2 and words[-1].is_generic:
            words.pop()
            found.append(whole(tuple(word.typed for word in words)))
        return found if self.specific else []

    @property
    def as_system(self) -> list[str]:
        """What a health system of this name may be called in full."""
        return [self.whole, *(f"{self.whole} {kind}" for kind in SYSTEMS)]

    @property
    def is_kind(self) -> bool:
        """Whether the words tell what is treated, not who does."""
        return all(word.canonical in SPECIALTIES for word in self.specific)

    @property
    def specific(self) -> tuple[Word, ...]:
        """The words that tell one place from another."""
        return tuple(word for word in self.words if not word.is_generic)


def read(text: str) -> Asked:
    """Any text is fine: what is too long is cut, what says nothing is left out."""
    words: list[str] = []
    links: list[str] = []
    npis: list[str] = []
    near = None
    for chunk in _NEAR_ME.sub(" ", text[:MAX_TEXT]).split():
        if is_link(chunk):
            links.append(chunk)
        elif _NPI.fullmatch(chunk):
            npis.append(chunk)
        elif near is None and (near := postal_code_point(chunk.strip(",.;()"))) is not None:
            continue
        else:
            words += words_of(chunk)
    words = [word for word in words if not (npis and word == "npi")]
    return Asked(tuple(map(_word, _telling(words))), tuple(links[:3]), tuple(npis[:3]), near)


def _telling(words: list[str]) -> list[str]:
    once = list(dict.fromkeys(words))
    return ([word for word in once if word not in FILLERS] or once)[:MAX_WORDS]


def _word(typed: str) -> Word:
    return Word(typed, canonical(typed))
