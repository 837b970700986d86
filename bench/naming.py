"""Coining names of places and people for large catalogues: thousands of different words, always the same for a seed."""

import random
import re
from functools import cache

import zipcodes

from bench import names

MIDDLES = ("", "a", "an", "as", "el", "er", "i", "in", "o", "or", "u", "un")
QUALIFIERS = ("North", "South", "Heights", "Valley", "Lakeside", "Downtown", "Riverside", "County", "Park", "Harbor")
GIVEN = ("Ada", "Ben", "Carla", "David", "Elena", "Femi", "Grace", "Hugo", "Ines", "James", "Kavya", "Linda", "Minh")
TITLES = ("MD", "DO", "DPM", "MD, PA", "NP")
Town = tuple[str, str, str]  # city, state, postal code


@cache
def towns() -> list[Town]:
    """Every postal code of the United States that people live at, with its city and state."""
    rows = zipcodes.list_all()  # type: ignore[no-untyped-call]
    return sorted((row["city"], row["state"], row["zip_code"]) for row in rows if row["zip_code_type"] == "STANDARD")


class Namer:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def coined(self) -> str:
        """One of about 4,000 words that look like names."""
        return self.rng.choice(names.STEMS) + self.rng.choice(MIDDLES) + self.rng.choice(names.ENDINGS)

    def brand(self) -> str:
        kinds = names.PAYERS if self.rng.random() < 0.15 else names.SYSTEMS
        return f"{self.coined()} {self.rng.choice(kinds)}"

    def facility(self, brand: str, town: Town) -> str:
        """A place of the brand: named for it, for a saint, a doctor, its town or itself; some in capitals."""
        place, kind = self.rng.choice(names.PLACES), self.rng.random()
        if kind < 0.25:
            name = f"{brand.split()[0]} {place}"
        elif kind < 0.35:
            name = f"{self.rng.choice(('St.', 'Saint'))} {self.rng.choice(names.SAINTS)} {place}"
        elif kind < 0.55:
            name = f"{self.rng.choice(GIVEN)} {self.coined()}, {self.rng.choice(TITLES)}"
        elif kind < 0.65:
            name = f"{town[0].title()} {place}"
        elif kind < 0.8:
            name = f"{self.coined()} {self.rng.choice(QUALIFIERS)} {place}"
        else:
            name = f"{self.coined()} {place}"
        return name.upper() if self.rng.random() < 0.05 else name

    def aliases(self, name: str) -> list[str]:
        initials = "".join(word[0] for word in re.findall(r"\w+", name)).upper()
        return [initials] if len(initials) > 2 else []

    def town(self) -> Town:
        return self.rng.choice(towns())

    def postal_code(self, code: str) -> str:
        return f"{code}-{self.rng.randint(0, 9999):04}" if self.rng.random() < 0.2 else code


def site_of(name: str) -> str:
    """A host label for a name: "Alderwick Health" is alderwick-health."""
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-")
