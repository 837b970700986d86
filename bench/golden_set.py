"""The golden set: what patients type, and the places they mean by it. `tests/sources/golden/README.md` explains it."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import zipcodes

from sources.models import Facility

QUERIES = Path(__file__).resolve().parent.parent / "tests" / "sources" / "golden" / "queries.tsv"
NONSENSE = "nonsense"
_ATHENA_STATE = re.compile(r"^([A-Z]{2}) - ")
_REGION = re.compile(r"(.*) in ([A-Z]{2}|\d{3,5})")


@dataclass(frozen=True)
class Place:
    """What an answer is compared with: a facility and the FHIR base URLs it leads to."""

    name: str
    base_urls: tuple[str, ...]
    state: str
    postal_code: str


@dataclass(frozen=True)
class Answer:
    """One acceptable answer, as the file writes it: `Name`, `Name @ part of the URL`, `@ part`, `Name in OH`.

    `*` in a name stands for anything; case, accents of spelling ("&", "'") and punctuation do not matter.
    """

    text: str
    name: str
    address: str
    region: str

    @classmethod
    def read(cls, text: str) -> "Answer":
        rest, _, address = text.strip().partition("@")
        found = _REGION.fullmatch(rest.strip())
        name, region = (found[1], found[2]) if found else (rest, "")
        return cls(text.strip(), folded(name), address.strip().lower(), region)

    def is_met_by(self, place: Place) -> bool:
        return (
            (not self.name or _pattern(self.name).fullmatch(folded(place.name)) is not None)
            and (not self.address or any(self.address in url.lower() for url in place.base_urls))
            and (not self.region or _is_in(place, self.region))
        )


@dataclass(frozen=True)
class GoldenQuery:
    kind: str
    text: str
    near: str
    answers: tuple[Answer, ...]

    def rank(self, places: Iterable[Place]) -> int | None:
        """How far down the first acceptable place is, from 1; None if there is none."""
        for rank, place in enumerate(places, 1):
            if any(answer.is_met_by(place) for answer in self.answers):
                return rank
        return None


def golden_queries(path: Path = QUERIES) -> list[GoldenQuery]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        GoldenQuery(
            row["kind"], row["query"], row["near"], tuple(map(Answer.read, filter(None, row["expected"].split("|"))))
        )
        for row in rows
    ]


def missing_answers(queries: Iterable[GoldenQuery], places: Iterable[Place]) -> list[str]:
    """The answers that no place of the catalogue meets: mistakes of the golden set, or rows that were refused."""
    by_name: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_name[folded(place.name)].append(place)
    answers = {answer for query in queries for answer in query.answers}
    return sorted(answer.text for answer in answers if not any(map(answer.is_met_by, _candidates(answer, by_name))))


def catalogue_places() -> list[Place]:
    """Every facility of the catalogue. Two queries."""
    facilities = (
        Facility.objects.filter(retired_at=None).prefetch_related("sources").only("name", "state", "postal_code")
    )
    return [
        Place(one.name, tuple(source.fhir_base_url for source in one.sources.all()), one.state, one.postal_code)
        for one in facilities
    ]


@lru_cache(maxsize=200_000)
def folded(text: str) -> str:
    """A name without what patients do not care about; `*` stays."""
    text = re.sub(r"['’`´.]", "", _ATHENA_STATE.sub("", text.strip())).casefold().replace("&", " and ")
    return " ".join(re.findall(r"[^\W_]+|\*", text)).replace(" *", "*").replace("* ", "*")


def _candidates(answer: Answer, by_name: dict[str, list[Place]]) -> Iterable[Place]:
    if answer.name and "*" not in answer.name:
        return by_name.get(answer.name, [])
    return (place for places in by_name.values() for place in places)


@lru_cache(maxsize=2000)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))))


def _is_in(place: Place, region: str) -> bool:
    if region.isdigit():
        return place.postal_code.startswith(region)
    named = _ATHENA_STATE.match(place.name)
    return (
        region in (place.state.upper(), named[1] if named else "")
        or place.name.endswith(f" {region}")
        or _state_of(place.postal_code[:5]) == region
    )


@lru_cache(maxsize=50_000)
def _state_of(postal_code: str) -> str:
    if not (postal_code.isascii() and postal_code.isdigit() and len(postal_code) == 5):
        return ""
    found = zipcodes.matching(postal_code)  # type: ignore[no-untyped-call]
    return str(found[0]["state"]) if found else ""
