"""Workers, the web server and the database are killed with `kill -9` at random moments, while an app makes things
happen and is told of them.

Whatever happened is told of, with one id; what did not happen is not; and the records of the deliveries say what the
app's server saw. The suite does so for a short while, `make chaos` with 2,000 events.
"""

import os
import random
import time
from collections import Counter

import pytest
import requests
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from flows.models import PatientFlow
from organizations.operations import create_api_key, create_organization
from tests.chaos.app import App, Endpoint
from tests.chaos.database import Database
from tests.chaos.installation import DATABASE, WEB, WORKER, Installation
from tests.open_folders import open_folder
from webhooks import models as webhooks
from webhooks.models import Attempt, Delivery, Event, Outcome
from webhooks.signing import new_secret

EVENTS = int(os.environ.get("CHAOS_EVENTS", "150"))
KILLS = int(os.environ.get("CHAOS_EVENT_KILLS", "4"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
WORKERS, APP_THREADS = 2, 8
LONGEST_SECONDS = 240 if KILLS < 10 else 600
GLANCE_SECONDS = 0.05


@pytest.fixture
def database(django_db_blocker, monkeypatch):
    """A database of our own, with all tables and nothing in them, for this test and the processes that it starts."""
    with open_folder() as folder:
        own = Database(folder / "postgres")
        monkeypatch.setenv("TEST_DATABASE_URL", own.url)
        try:
            with django_db_blocker.unblock(), own.in_place_of_the_tests():
                call_command("migrate", verbosity=0)
                yield own
        finally:
            own.kill()


@pytest.fixture
def chance():
    return random.Random(SEED)


@pytest.fixture
def endpoint(database, chance):
    with Endpoint(chance) as endpoint:
        yield endpoint


@pytest.fixture
def installation(database, tmp_path, chance, monkeypatch):
    monkeypatch.setenv("API_RATE_LIMIT", "1000000/minute")
    installation = Installation(database, tmp_path, workers=WORKERS, chance=chance)
    yield installation
    installation.end()


@pytest.fixture
def key(database, endpoint) -> str:
    """The app's, with its endpoint."""
    organization, now = create_organization(name="Bluebird Health", environment="sandbox"), timezone.now()
    endpoint.secret = new_secret()
    webhooks.Endpoint.objects.create(
        organization=organization,
        url=endpoint.url,
        events=["*"],
        secret=endpoint.secret,
        created_at=now,
        updated_at=now,
    )
    return create_api_key(organization=organization, name="chaos")[1]


def test_whatever_is_killed_every_event_arrives_and_nothing_else_does(installation, endpoint, key, chance, capsys):
    began = time.monotonic()
    with App(installation.address, key, EVENTS, APP_THREADS) as app:
        for after, part in kills(chance):
            wait(lambda after=after: len(app.ended) >= after or app.is_done(), installation)
            time.sleep(chance.uniform(0, 0.3))
            installation.kill(part)
        wait(app.is_done, installation)
    wait(all_is_delivered, installation)
    took = time.monotonic() - began
    feed = all_of_the_feed(installation.address, key)
    assert set(installation.stop().values()) == {0}

    with capsys.disabled():
        report(installation, app, endpoint, took)
    check_facts(app, endpoint, feed)
    check_records(endpoint)


def kills(chance: random.Random) -> list[tuple[int, str]]:
    """What is killed, and after how many of the events. Every part has its turn."""
    parts = [(WORKER, WEB, DATABASE, WORKER)[number % 4] for number in range(KILLS)]
    chance.shuffle(parts)
    return [((number + 1) * EVENTS // (KILLS + 1), part) for number, part in enumerate(parts)]


def wait(is_so, installation) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        installation.keep_up()
        time.sleep(GLANCE_SECONDS)


def all_is_delivered() -> bool:
    connection.close()  # the one before the last kill leads nowhere
    try:
        return not Delivery.objects.filter(delivered_at=None).exists()
    except OperationalError:
        return False


def all_of_the_feed(address: str, key: str) -> list[dict]:
    """What an app reads that asks instead of being told."""
    events, query = [], {"limit": "100"}
    while True:
        answer = requests.get(f"{address}/events", query, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        page = answer.json()
        events += page["data"]
        if not page["has_more"]:
            return events
        query["starting_after"] = page["next_cursor"]


def check_facts(app: App, endpoint: Endpoint, feed: list[dict]) -> None:
    """What happened, what the app was told, and what it can read are the same, each once."""
    assert Counter(app.ended) == Counter(flow.public_id for flow in PatientFlow.objects.all())
    told = {each.id: each.content for each in endpoint.told}
    assert all(each.content == told[each.id] for each in endpoint.told)
    assert {content["type"] for content in told.values()} == {"patient_flow.expired"}
    assert Counter(content["data"]["object"]["id"] for content in told.values()) == Counter(app.ended)
    assert all(content["id"] == evt for evt, content in told.items())
    assert {content["data"]["object"]["status"] for content in told.values()} == {"expired"}
    assert Counter(content["fact_id"] for content in told.values()) == Counter(event["id"] for event in feed)
    assert Event.objects.count() == EVENTS


def check_records(endpoint: Endpoint) -> None:
    """The records of the deliveries agree with what the receiver saw."""
    seen, made, known = Counter(each.id for each in endpoint.told), Counter(), Counter()
    accepted = {each.id for each in endpoint.told if each.status == 200}
    for attempt in Attempt.objects.select_related("delivery"):
        made[attempt.delivery.public_id] += 1
        known[attempt.delivery.public_id] += attempt.outcome in (Outcome.DELIVERED, Outcome.FAILED)
    rows = {delivery.public_id: delivery for delivery in Delivery.objects.all()}
    assert {name for name, row in rows.items() if row.delivered_at} == accepted == set(rows)
    for name, row in rows.items():
        assert row.attempts == known[name] <= seen[name] <= made[name], name
        assert (row.next_attempt_at, row.claimed_until) == (None, None), name
    assert not Attempt.objects.filter(outcome=Outcome.OPEN).exists()


def report(installation, app, endpoint, took) -> None:
    outcomes = Counter(Attempt.objects.values_list("outcome", flat=True))
    rows = {
        "seed": SEED,
        "events": f"{EVENTS} in {took:.0f} s",
        "killed": dict(installation.kills),
        "ended with the database": dict(installation.ends),
        "requests of the app unanswered": dict(app.unanswered),
        "requests at the endpoint": dict(Counter(each.status for each in endpoint.told)),
        "attempts": dict(outcomes),
    }
    print("\n" + "\n".join(f"{name:<32} {value}" for name, value in rows.items()))  # noqa: T201  what `make chaos` is for
