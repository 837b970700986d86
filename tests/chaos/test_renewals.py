"""Workers that are killed while a portal renews access: in the very moment that may cost the access."""

import os
import random
import time
from collections import Counter
from functools import partial

import pytest
from django.utils import timezone

from patients.holding import holding
from patients.models import Connection
from records.models import PullKind
from records.operations import request_pull
from tests.chaos.crew import let_access_end
from tests.chaos.findings import INTERRUPTED, REJECTED, Subject, check_renewals
from tests.eventually import eventually

# The short version of the kills in test_kills.py has renewals among them.
pytestmark = pytest.mark.skipif("CHAOS_RENEWALS" not in os.environ, reason="a long run: make chaos")
KILLS = int(os.environ.get("CHAOS_RENEWALS", "1"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
# What the sandbox takes to renew access, and some more.
LONGEST_RENEWAL_SECONDS = 0.06


def is_renewing(connection: Connection) -> bool:
    return Connection.objects.filter(pk=connection.pk, spending_since__isnull=False).exists()


def kill_while_renewing(connection: Connection, worker, chance: random.Random) -> None:
    """Let access end, have it needed, and kill the worker once it has noted that it spends the refresh token."""
    let_access_end([connection], chance)
    with holding(connection.patient_id):
        request_pull(connection, PullKind.MANUAL, timezone.now())
    eventually(lambda: is_renewing(connection))
    time.sleep(chance.uniform(0, LONGEST_RENEWAL_SECONDS))
    worker.kill()


def what_became_of(subject: Subject) -> str:
    trail = subject.trail()
    if REJECTED in trail:
        return "lost, and the access with it"
    if subject.lost_answers():
        return "lost, and made up for"
    return "never answered" if INTERRUPTED in trail else "stored in time"


@pytest.mark.parametrize("grace_seconds", [30, 0], ids=lambda seconds: f"grace of {seconds} s")
def test_a_worker_killed_while_renewing_costs_the_access_only_where_a_portal_forgives_no_retry(
    world, start_worker, grace_seconds, capsys
):
    chance, ends = random.Random(SEED), Counter[str]()
    for number in range(KILLS):
        connection = world.connect(f"p-{number}", "riverside", "noah")
        subject = Subject(connection, connection)

        kill_while_renewing(connection, start_worker("--hurry"), chance)
        successor = start_worker("--hurry")
        eventually(successor.is_at_work)
        eventually(partial(is_settled, connection))

        assert successor.stop() == 0
        check_renewals(subject)
        ends[what_became_of(subject)] += 1

    with capsys.disabled():
        print(f"\nportals forgive reuse for {grace_seconds} s: {dict(ends)}")  # noqa: T201  what `make chaos` is for
    if grace_seconds:
        assert ends["lost, and the access with it"] == 0


def is_settled(connection: Connection) -> bool:
    """Whether the renewal was made up for, or was in vain."""
    return not is_renewing(connection)
