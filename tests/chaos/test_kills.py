"""Workers are killed with `kill -9` at random moments, while they pull and renew at portals that detect reuse.

Every resource arrives once, no job is lost, and no connection ends, but for one moment that no client can bridge
(docs/adr/0021): the portal has rotated a refresh token, and the worker died before it had stored the new one. What was
lost so is proven by the portal's own books, and signing in again brings the rest.

The suite does so for a short while; `make chaos` kills more often, and at all portals.
"""

import os
import random
import time

import pytest

from tests.chaos.crew import GLANCE_SECONDS, Crew, Watch, all_ended, let_access_end, pull_again
from tests.chaos.findings import (
    INTERRUPTED,
    RENEWED,
    Subject,
    check_jobs,
    check_pulls,
    check_quiet,
    check_records,
    check_renewals,
    pages_of,
)

KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
IS_LONG = KILLS > 10
WORKERS = 3 if IS_LONG else 2
# A large record, and one whose access lasts ten seconds while each answer takes one.
CHARTS = [
    ("riverside", "walter"),
    ("riverside", "anton"),
    ("lakeshore", "walter"),
    ("lakeshore", "anton"),
    ("evergreen", "walter"),
    ("evergreen", "anton"),
    ("northgate", "walter"),
    ("northgate", "anton"),
]
# Three quarters of a large record, which take as much of the time.
LEFT_OUT = [] if IS_LONG else ["Observation"]
LONGEST_KILLING, LONGEST_REST = 300, 150


@pytest.fixture
def left_out() -> list[str]:
    return LEFT_OUT


@pytest.fixture
def subjects(world, start_worker) -> list[Subject]:
    """Patients who have just signed in, and their charts as a worker that nobody disturbed has brought them."""
    charts = CHARTS if IS_LONG else CHARTS[:1]
    quiet = {chart: world.connect(f"quiet-{chart[1]}-{chart[0]}", *chart) for chart in charts}
    worker = start_worker("--pulls", "8")
    Watch([]).wait(lambda: all_ended(quiet.values()), LONGEST_REST)
    assert worker.stop() == 0
    for chart, connection in quiet.items():
        check_quiet(connection, *chart, LEFT_OUT)
    return [
        Subject(world.connect(f"{number}-{chart[1]}-{chart[0]}", *chart), quiet[chart])
        for chart in charts
        for number in range(2)
    ]


@pytest.mark.parametrize("grace_seconds", [0, 30] if IS_LONG else [0], ids=lambda seconds: f"grace of {seconds} s")
def test_workers_killed_at_random_moments_lose_nothing(world, start_worker, subjects, grace_seconds, capsys):
    chance = random.Random(SEED)
    connections = [subject.connection for subject in subjects]
    watch, crew = Watch(connections), Crew(start_worker, WORKERS, chance)

    began = time.monotonic()
    kill_again_and_again(KILLS // 2 if grace_seconds else KILLS, crew, watch, connections, chance)
    killing = time.monotonic() - began
    watch.wait(lambda: all_ended(connections), LONGEST_REST)
    dead = [subject for subject in subjects if not subject.is_alive()]
    with capsys.disabled():
        report(crew, watch, subjects, dead, killing, grace_seconds)
    for subject in subjects:
        check_renewals(subject)
    if grace_seconds:
        assert dead == []
    for subject in dead:
        sign_in_again(world, subject)
    watch.wait(lambda: all_ended(connections), LONGEST_REST)
    crew.stop()

    check_jobs()
    for subject in subjects:
        subject.connection.refresh_from_db()
        check_pulls(subject)
        check_records(subject)


def sign_in_again(world, subject) -> None:
    portal = next(slug for slug, source in world.sources.items() if source == subject.connection.source)
    _, username, _ = subject.name.split("-")
    assert world.connect(subject.name, portal, username) == subject.connection


def kill_again_and_again(times, crew, watch, connections, chance) -> None:
    """Until that many were killed there is always something to pull, and access that ends."""
    deadline = time.monotonic() + LONGEST_KILLING
    while crew.kills < times:
        assert time.monotonic() < deadline, f"{crew.kills} kills took too long"
        place, at_work = crew.choose()
        watch.wait(crew.workers[place].is_at_work, within=120)
        moment = time.monotonic() + at_work
        while time.monotonic() < moment:
            watch.glance()
            pull_again(connections)
            time.sleep(GLANCE_SECONDS)
        if not IS_LONG:
            let_access_end(connections, chance)
        crew.kill(place)


def report(crew, watch, subjects, dead, killing, grace_seconds) -> None:
    trails = [outcome for subject in subjects for outcome in subject.trail()]
    pulls = [pull for subject in subjects for pull in subject.connection.pulls.all()]
    waits = sorted(watch.recoveries)
    rows = {
        "seed": SEED,
        "portals forgive reuse for": f"{grace_seconds} s",
        "workers at once": WORKERS,
        "connections": len(subjects),
        "kills": f"{crew.kills} in {killing:.0f} s",
        "pulls": f"{len(pulls)}, {sum(pull.received for pull in pulls)} resources, {pages_of(subjects)} pages",
        "renewals": trails.count(RENEWED),
        "renewals interrupted": trails.count(INTERRUPTED),
        "answers to renewals lost": sum(subject.lost_answers() for subject in subjects),
        "connections that ended": f"{len(dead)} {[subject.name for subject in dead] or ''}",
        "pulls taken up from the dead": len(waits),
        "seconds until then": f"median {waits[len(waits) // 2]:.1f}, longest {waits[-1]:.1f}" if waits else "-",
    }
    print("\n" + "\n".join(f"{name:<30} {value}" for name, value in rows.items()))  # noqa: T201  what `make chaos` is for
