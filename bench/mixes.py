"""Queries for a made-up catalogue, of the kinds that patients type; drawn from it, always the same for a seed."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from bench.filling import Filled
from bench.made_up_catalogue import MadeFacility
from sources.geography import Point, point_of

WANTED = 400
_TRIES = 30


@dataclass(frozen=True)
class Asked:
    text: str
    near: Point | None = None


def mixes(filled: Filled, *, seed: int) -> dict[str, list[Asked]]:
    """Up to WANTED different queries of each kind; of one letter there are only 36."""
    drawer = _Drawer(filled, random.Random(seed))
    kinds: dict[str, Callable[[], str]] = {
        "two letters": drawer.two_letters,
        "a beginning": drawer.beginning,
        "one word": lambda: drawer.word(3),
        "two words": lambda: drawer.words(2),
        "three words": lambda: drawer.words(3),
        "a typing error": drawer.misspelt,
        "a place": drawer.place,
        "an address": drawer.address,
        "nothing there": drawer.nonsense,
    }
    made = {"one letter": [Asked(letter) for letter in string.ascii_lowercase + string.digits]}
    made |= {kind: [Asked(text) for text in _different(draw)] for kind, draw in kinds.items()}
    made["near a place"] = [Asked(text, drawer.point()) for text in _different(lambda: drawer.words(2))]
    return made


def _different(draw: Callable[[], str]) -> list[str]:
    found: dict[str, None] = {}
    for _ in range(WANTED * _TRIES):
        if len(found) == WANTED:
            break
        if text := draw():
            found[text.lower()] = None
    return list(found)


class _Drawer:
    def __init__(self, filled: Filled, rng: random.Random) -> None:
        self.filled, self.rng = filled, rng
        self.located = [one for one in filled.sample if one.town[2]]

    def facility(self) -> MadeFacility:
        return self.rng.choice(self.filled.sample)

    def word(self, least: int) -> str:
        fitting = [word for word in self.facility().name.split() if len(word) >= least and word.isalpha()]
        return self.rng.choice(fitting) if fitting else ""

    def two_letters(self) -> str:
        """The beginning of a word of a name or town, or now and then of nothing that is there."""
        made = self.facility()
        words = [word for word in f"{made.name} {made.town[0]}".split() if word[:2].isalpha()]
        return (
            "".join(self.rng.choices(string.ascii_lowercase, k=2))
            if self.rng.random() < 0.3
            else self.rng.choice(words)[:2]
        )

    def words(self, count: int) -> str:
        """Words that follow each other in a name."""
        words = self.facility().name.replace(",", "").split()
        if len(words) < count:
            return ""
        start = self.rng.randint(0, len(words) - count)
        return " ".join(words[start : start + count])

    def beginning(self) -> str:
        name = self.facility().name
        return name[: self.rng.randint(3, len(name))].strip() if len(name) > 3 else ""

    def misspelt(self) -> str:
        """One to three words, one of them with a letter too few, too many, wrong or swapped."""
        words = self.words(self.rng.randint(1, 3)).split()
        long = [at for at, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
        if not long:
            return ""
        at = self.rng.choice(long)
        words[at] = self._with_error(words[at])
        return " ".join(words)

    def place(self) -> str:
        """A town, a postal code, or a word with one of them."""
        made = self.rng.choice(self.located)
        city, state, code = made.town
        word = self.rng.choice(made.name.replace(",", "").split())
        return self.rng.choice((f"{word} {city}", f"{city} {state}", code, f"{word} {code}", f"{word} {city} {state}"))

    def address(self) -> str:
        """A FHIR base URL or portal address, whole, without its scheme, or its host alone."""
        source = self.rng.choice(self.filled.sources)
        link = self.rng.choice((source.fhir_base_url, source.portal_url))
        bare = link.removeprefix("https://")
        return self.rng.choice((link, bare, bare.partition("/")[0], link.upper()))

    def nonsense(self) -> str:
        words = ["".join(self.rng.choices("bcdfghjkqvwxz", k=self.rng.randint(4, 9))) for _ in range(2)]
        return " ".join(words[: self.rng.randint(1, 2)])

    def point(self) -> Point | None:
        return point_of(self.rng.choice(self.located).town[2])

    def _with_error(self, word: str) -> str:
        at = self.rng.randint(1, len(word) - 2)
        wrong = self.rng.choice(string.ascii_lowercase)
        return self.rng.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + wrong + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            )
        )
