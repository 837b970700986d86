"""`make bench-golden`: how well the search finds what patients mean, on the real directories all together.

Loads every directory that is there into a database of its own, asks the queries of tests/sources/golden, and
prints the score of each kind of query and what was found instead of each answer that was missed.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.report import print_machine, print_table, verdict
from bench.workplace import is_inside, measured, run_inside

if TYPE_CHECKING:  # Django is set up only inside
    from bench.golden_set import GoldenQuery, Place
    from organizations.models import Organization

LIMIT = 10
FIRST, FIRST_FIVE = 0.85, 0.95
# The older editions first; what lists clinicians' endpoints, older FHIR versions or no endpoints is left out.
DIRECTORIES = (
    "oracle-health/millennium_patient_r4_endpoints.2023-08-25.json.gz",
    "oracle-health/millennium_patient_r4_endpoints.2025-11-21.json.gz",
    "oracle-health/millennium_patient_r4_endpoints.2026-02-20.json.gz",
    "oracle-health/soarian_patient_r4_endpoints.2026-02-20.json",
    "oracle-health/mere-medical.cerner-r4.2025-11-16.json.gz",
    "argonaut-connectathon-2023/connectathon-epic.json",
    "argonaut-connectathon-2023/connectathon-meditech.json",
    "argonaut-connectathon-2023/connectathon-sample.json",
    "epic/stemma.epic-and-oracle-brand-index.2026-07-22.csv",
    "epic/mere-medical.epic-r4.2026-08-14.json",
    "healow/mere-medical.healow-r4.2026-01-18.json.gz",
    "lantern/all_prod_endpoint_sources.csv.gz",
    "lantern/Medicare_ElevanceHealth(Anthem)EndpointSources.json",
    "lantern/MedicaidState_EndpointSources.json",
    "lantern/medicaid-state-endpoints.csv",
    "lantern/oneupdata.csv",
)


@dataclass(frozen=True)
class Outcome:
    """What came of a query: where the first right answer was, from 1, and the names that were found."""

    query: "GoldenQuery"
    rank: int | None
    found: list[str]

    @property
    def is_nonsense(self) -> bool:
        return not self.query.answers


@dataclass(frozen=True)
class Score:
    """The outcomes of queries that mean something, and of nonsense, which has to find nothing."""

    outcomes: list[Outcome]
    nonsense: list[Outcome]

    def share_within(self, rank: int) -> float:
        return share(self.outcomes, rank)

    @property
    def misses(self) -> list[Outcome]:
        """Those that are not first, the worst last."""
        missed = [one for one in self.outcomes if one.rank != 1]
        return sorted(missed, key=lambda one: (one.rank or LIMIT + 1, one.query.kind))


def share(outcomes: Sequence[Outcome], rank: int) -> float:
    """The share of queries whose first right answer is at this place or before."""
    return sum(one.rank is not None and one.rank <= rank for one in outcomes) / len(outcomes)


def load_directories(folder: Path) -> None:
    """Import all of them into the production catalogue."""
    from organizations.models import Environment
    from sources.imports import import_file

    for name in DIRECTORIES:
        import_file(folder / name, environment=Environment.PRODUCTION, force=True)


def score(queries: Sequence["GoldenQuery"], organization: "Organization") -> Score:
    """Ask all of them."""
    outcomes = [_outcome(query, organization) for query in queries]
    return Score([one for one in outcomes if not one.is_nonsense], [one for one in outcomes if one.is_nonsense])


def _outcome(query: "GoldenQuery", organization: "Organization") -> Outcome:
    from bench.golden_set import Place
    from sources.geography import point_of
    from sources.search import search

    near = point_of(query.near) if query.near else None
    hits = search(query.text, organization=organization, limit=LIMIT, near=near, offered_only=False).hits
    places = [
        Place(
            hit.facility.name,
            tuple(portal.source.fhir_base_url for portal in hit.portals),
            hit.facility.state,
            hit.facility.postal_code,
        )
        for hit in hits
    ]
    return Outcome(query, query.rank(places), [_shown(place) for place in places])


def _shown(place: "Place") -> str:
    """Enough to tell it from another: name, state, and where its records are."""
    state = f" ({place.state})" if place.state else ""
    return f"{place.name}{state} @ {', '.join(urlsplit(url).netloc for url in place.base_urls)}"


def print_score(result: Score) -> None:
    """A table by kind, the totals, and all that was not found first."""
    kinds = dict.fromkeys(one.query.kind for one in result.outcomes)
    groups = {kind: [one for one in result.outcomes if one.query.kind == kind] for kind in kinds}
    rows = [
        [kind, str(len(group)), *(f"{share(group, rank):.1%}" for rank in (1, 5, LIMIT))]
        for kind, group in (groups | {"all": result.outcomes}).items()
    ]
    print_table(["kind", "queries", "first", "in 5", f"in {LIMIT}"], rows)
    print(f"first, at least {FIRST:.0%}: {verdict(result.share_within(1) >= FIRST)}")
    print(f"in the first five, at least {FIRST_FIVE:.0%}: {verdict(result.share_within(5) >= FIRST_FIVE)}")
    wrong = [one for one in result.nonsense if one.found]
    print(f"nonsense that finds nothing: {len(result.nonsense) - len(wrong)} of {len(result.nonsense)}\n")
    for one in (*result.misses, *wrong):
        place = f"{one.rank}." if one.rank else "–"
        print(f"{place:>3} {one.query.kind}: {one.query.text}{f' near {one.query.near}' if one.query.near else ''}")
        print(f"      wanted {' | '.join(answer.text for answer in one.query.answers) or 'nothing'}")
        print(f"      found  {'; '.join(one.found[:5]) or 'nothing'}", flush=True)


def main() -> None:
    if not is_inside():
        sys.exit(run_inside("bench.golden", sys.argv[1:]))
    print_machine("make bench-golden")
    measured("migrate", "--verbosity", "0")

    import django

    django.setup()
    from bench.golden_set import catalogue_places, golden_queries, missing_answers
    from organizations.models import Environment
    from organizations.operations import create_organization
    from tests.sources.directories import FOLDER

    if not FOLDER.is_dir():
        sys.exit(f"The real directories are not at {FOLDER}.")
    started = time.monotonic()
    load_directories(FOLDER)
    places, queries = catalogue_places(), golden_queries()
    print(f"{len(places):,} facilities of {len(DIRECTORIES)} directories, in {time.monotonic() - started:.0f} s")
    for text in missing_answers(queries, places):
        print(f"no such place in the catalogue: {text}")
    print_score(score(queries, create_organization(name="Golden", environment=Environment.PRODUCTION)))


if __name__ == "__main__":
    main()
