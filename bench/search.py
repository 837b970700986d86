"""`make bench-search [FACILITIES=150000]`: how fast the search is, beside SQL, and through HTTP.

Makes a catalogue of that many facilities in a database of its own, builds the index, asks hundreds of different
queries of each kind, asks SQL the same, then starts the product and lets 16 clients ask it at once.
"""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from bench.report import Times, megabytes_of, print_machine, print_table, verdict
from bench.serving import WORKERS, product_port, product_settings, served
from bench.workplace import is_inside, measured, run_inside

if TYPE_CHECKING:  # Django is set up only inside
    from bench.mixes import Asked
    from organizations.models import Organization

SEED = 20261120
LIMIT = 10  # what the picker shows first
SECONDS, ROUNDS = 15.0, 5
MOST_MS, TIMES_FASTER, MOST_HTTP_MS = 5.0, 20.0, 60.0
Mixes = dict[str, list["Asked"]]


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the search is.")
    parser.add_argument("--facilities", type=int, default=150_000)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each page is asked over HTTP")
    options = parser.parse_args()
    if is_inside():
        run(options.facilities, options.seconds)
    else:
        sys.exit(run_inside("bench.search", sys.argv[1:], **product_settings()))


def run(facilities: int, seconds: float) -> None:
    """Everything, in the order of the report."""
    print_machine(f"make bench-search FACILITIES={facilities}")
    measured("migrate", "--verbosity", "0")

    import django

    django.setup()
    from bench.filling import fill
    from bench.mixes import mixes
    from organizations.models import Environment
    from organizations.operations import create_organization

    started = time.monotonic()
    filled = fill(facilities, seed=SEED)
    print(f"{facilities:,} facilities at {len(filled.sources):,} sources written in {time.monotonic() - started:.0f} s")
    organization = create_organization(name="Bench", environment=Environment.PRODUCTION)
    build_index()
    queries = mixes(filled, seed=SEED)
    compare(queries, organization)
    ask_over_http(queries, organization, seconds)


def build_index() -> None:
    from django.conf import settings

    built = measured("build_search_index")
    size = megabytes_of(settings.SEARCH_INDEX_DIR)
    print(f"index built in {built.seconds:.1f} s, {size:.0f} MB on disk, {built.peak_mb:.0f} MB of memory at most\n")


def compare(queries: Mixes, organization: "Organization") -> None:
    """A table of search and SQL for each mix, in milliseconds, and what came of the limits."""
    from bench.sql_search import sql_times

    rows, ours, theirs = [], [], []
    search_times(queries["two words"], organization)  # nothing is measured cold
    for kind, asked in queries.items():
        mine, its = search_times(asked, organization), sql_times(asked)
        ratio = its.percentile(0.5) / mine.percentile(0.5)
        rows.append([kind, str(len(asked)), *mine.cells, str(len(its.seconds)), *its.cells[::2], f"{ratio:.0f} ×"])
        ours += mine.seconds
        theirs += its.seconds
    all_ours, all_theirs = Times(ours), Times(theirs)
    ratio = all_theirs.percentile(0.5) / all_ours.percentile(0.5)
    rows.append(["all", str(len(ours)), *all_ours.cells, str(len(theirs)), *all_theirs.cells[::2], f"{ratio:.0f} ×"])
    head = ["ms", "queries", "p50", "p95", "p99", "max", "by SQL", "p50", "p99", "p50 : p50"]
    print_table(head, rows)
    worst = max(float(row[4]) for row in rows)
    print(
        f"p99 of all at most {MOST_MS:g} ms: {verdict(all_ours.percentile(0.99) <= MOST_MS)}; of each: {worst:.2f} ms"
    )
    print(f"at least {TIMES_FASTER:g} times faster than SQL: {verdict(ratio >= TIMES_FASTER)}\n", flush=True)


def search_times(queries: list["Asked"], organization: "Organization") -> Times:
    """Whole searches, the reading from the database included."""
    from sources.search import search

    seconds = []
    for asked in queries:
        started = time.perf_counter()
        search(asked.text, organization=organization, limit=LIMIT, near=asked.near)
        seconds.append(time.perf_counter() - started)
    return Times(seconds)


def ask_over_http(queries: Mixes, organization: "Organization", seconds: float) -> None:
    """A table of the API and the picker under 16 clients, in milliseconds."""
    from bench.http_load import CLIENTS, Request, in_turns
    from organizations.operations import create_api_key

    texts = [asked.text for kind in queries for asked in queries[kind] if asked.near is None]
    key = {"Authorization": f"Bearer {create_api_key(organization=organization, name='bench')[1]}"}
    rows = []
    port = product_port()
    with served(port):
        pages = {
            "GET /connections?q=": Request("/connections?q={}", texts, key),
            "the picker's results": Request(f"{_link(port, key)}?q={{}}&fragment", texts),
        }
        loads = in_turns([(port, page) for page in pages.values()], seconds / ROUNDS, ROUNDS)
        for name, seen in zip(pages, loads, strict=True):
            rows.append([name, *seen.cells, verdict(seen.times.percentile(0.99) <= MOST_HTTP_MS)])
    print(f"over HTTP: granian with {WORKERS} workers, {CLIENTS} clients, {seconds:g} s of each in {ROUNDS} rounds")
    print_table(["ms", "answers", "per s", "p50", "p95", "p99", "max", "not 200", f"p99 ≤ {MOST_HTTP_MS:g} ms"], rows)


def _link(port: int, headers: dict[str, str]) -> str:
    """The path of a new flow's page."""
    import requests

    answer = requests.post(
        f"http://127.0.0.1:{port}/patient-flows",
        json={"patient_id": "bench", "return_url": "https://app.example/"},
        headers=headers,
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["url"]).removeprefix(f"http://127.0.0.1:{port}")


if __name__ == "__main__":
    main()
