"""`make bench-scale`: what the API looks up and lists among a million patients, beside the same among ten thousand.

Fills two databases of one PostgreSQL server, then calls the product's code in this process, in turns for each size,
with a new random key each time. Prints times, queries and pages that were touched, and whether any table was read
whole.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.report import Times, print_machine, print_table, verdict
from bench.serving import NO_RATE_LIMIT
from bench.workplace import is_inside, measured, run_inside

if TYPE_CHECKING:  # Django is set up only inside
    from bench.databases import Databases
    from bench.lookups import Prepare, World
    from bench.plans import Explained

SIZES = {"small": 10_000, "large": 1_000_000}
BLOCKS, IN_A_BLOCK = 40, 15
EXPLAINED = 12
MOST_TIMES = 1.3
HEAD = ["ms", "small", "large", "ratio", "database", "queries", "pages small", "pages large", "read whole"]


@dataclass
class Seen:
    """What one look-up cost at one size."""

    seconds: list[float] = field(default_factory=list)
    database_seconds: list[float] = field(default_factory=list)
    explained: "list[list[Explained]]" = field(default_factory=list)

    @property
    def queries(self) -> set[int]:
        return {len(statements) for statements in self.explained}

    @property
    def pages(self) -> float:
        return statistics.median(sum(each.pages for each in statements) for statements in self.explained)

    @property
    def tables_read_whole(self) -> set[str]:
        return {table for each in self.explained for statement in each for table in statement.tables_read_whole}


def main() -> None:
    parser = argparse.ArgumentParser(description="What look-ups and lists cost among many rows.")
    parser.add_argument("--patients", type=int, default=SIZES["large"])
    parser.add_argument("--plans", action="store_true", help="print every statement with its plan")
    parser.add_argument("--only", default="", help="only look-ups whose name has this in it")
    options = parser.parse_args()
    if not is_inside():
        sys.exit(run_inside("bench.scale", sys.argv[1:], **NO_RATE_LIMIT))
    print_machine("make bench-scale")
    measured("migrate", "--verbosity", "0")

    import django

    django.setup()
    from bench.databases import Databases
    from bench.lookups import lookups

    databases = Databases(list(SIZES))
    worlds = fill(databases, SIZES | {"large": options.patients})
    chosen = {name: prepare for name, prepare in lookups().items() if options.only in name}
    seen = {name: measure(prepare, databases, worlds) for name, prepare in chosen.items()}
    with databases.at("large"):
        print_report(seen)
    if options.plans:
        print_plans(seen)


def fill(databases: "Databases", sizes: dict[str, int]) -> "dict[str, World]":
    from bench.lookups import World
    from bench.people import FLOWS_PER_PATIENT, fill_people

    worlds = {}
    for name, patients in sizes.items():
        started = time.monotonic()
        with databases.at(name) as database:
            people = fill_people(patients)
            worlds[name] = World(people, random.Random(patients))
            with database.cursor() as cursor:
                cursor.execute("VACUUM")
                cursor.execute("SELECT pg_database_size(current_database())")
                size = cursor.fetchone()[0] / 1e9
        flows = patients * FLOWS_PER_PATIENT
        seconds = time.monotonic() - started
        print(f"{name}: {patients:,} patients, {flows:,} flows, {size:.1f} GB, written in {seconds:.0f} s", flush=True)
    return worlds


def measure(prepare: "Prepare", databases: "Databases", worlds: "dict[str, World]") -> dict[str, Seen]:
    """Warm both sizes equally, then measure them in turns, then explain some calls of each."""
    from bench.lookups import KEYS, checkpoint
    from bench.plans import explained

    seen = {name: Seen() for name in worlds}
    for name, world in worlds.items():
        with databases.at(name):
            run(prepare, world, KEYS, Seen())
            checkpoint()
    for _ in range(BLOCKS):
        for name, world in worlds.items():
            with databases.at(name):
                run(prepare, world, IN_A_BLOCK, seen[name])
    for name, world in worlds.items():
        with databases.at(name):
            seen[name].explained = [explained(prepare(world)) for _ in range(EXPLAINED)]
    return seen


def run(prepare: "Prepare", world: "World", times: int, seen: Seen) -> None:
    for _ in range(times):
        call = prepare(world)
        with database_time(seen):
            started = time.perf_counter()
            call()
            seen.seconds.append(time.perf_counter() - started)


@contextmanager
def database_time(seen: Seen) -> Iterator[None]:
    """Add up what the statements in here take."""
    from django.db import connection

    spent = 0.0

    def timed(execute: Any, *arguments: Any) -> Any:
        nonlocal spent
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            spent += time.perf_counter() - started

    with connection.execute_wrapper(timed):
        yield
    seen.database_seconds.append(spent)


def print_report(seen: dict[str, dict[str, Seen]]) -> None:
    """A table of all, and what came of the limits."""
    from bench.plans import large_tables

    large = large_tables()
    rows, ratios, unsteady, whole = [], [], [], set()
    for name, sizes in seen.items():
        small, big = (Times(sizes[size].seconds).percentile(0.5) for size in SIZES)
        databases = [Times(sizes[size].database_seconds).percentile(0.5) for size in SIZES]
        read_whole = sizes["large"].tables_read_whole & large
        queries = sizes["small"].queries | sizes["large"].queries
        rows.append([
            name, f"{small:.2f}", f"{big:.2f}", f"{big / small:.2f} ×", f"{databases[0]:.2f} → {databases[1]:.2f}",
            "–".join(str(number) for number in sorted({min(queries), max(queries)})),
            *(f"{sizes[size].pages:.0f}" for size in SIZES), ", ".join(read_whole) or "none",
        ])  # fmt: skip
        ratios.append(big / small)
        unsteady += [name] if max(sizes["small"].queries) != max(sizes["large"].queries) else []
        whole |= read_whole
    calls = BLOCKS * IN_A_BLOCK
    print(f"\np50 of {calls} calls of each, in turns; pages are those that PostgreSQL touched, median of {EXPLAINED}")
    print_table(HEAD, rows)
    print(f"large at most {MOST_TIMES:g} × small: {verdict(max(ratios) <= MOST_TIMES)} (worst {max(ratios):.2f} ×)")
    print(f"no table of more than a thousand rows read whole: {verdict(not whole)}")
    print(f"as many queries at most: {verdict(not unsteady)} {', '.join(unsteady)}", flush=True)


def print_plans(seen: dict[str, dict[str, Seen]]) -> None:
    for name, sizes in seen.items():
        print(f"\n{name}")
        for statement in sizes["large"].explained[-1]:
            print(f"  {statement.sql}")
            for node in statement.nodes:
                where = " ".join(str(node[key]) for key in ("Index Name", "Relation Name") if key in node)
                print(f"    {node['Node Type']} {where}".rstrip())


if __name__ == "__main__":
    main()
