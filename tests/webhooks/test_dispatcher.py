"""The part of a worker that delivers: what is due goes out, whatever one receiver or one name does."""

import random
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from organizations.operations import create_organization
from tests.eventually import eventually
from tests.webhooks.dispatching import beside, delivery_at, dispatching, locked, refreshed, told_of
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.receivers import Line, Receiver
from tests.webhooks.receivers.behaviours import answer, answers, hangs_after
from webhooks import claiming, dispatcher, senders, sending
from webhooks.announcing import announce
from webhooks.claiming import claim
from webhooks.dispatcher import Walk
from webhooks.models import Attempt, Delivery, Endpoint, Outcome
from webhooks.sharing import AT_ONCE, Slots

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver():
    with Receiver(answers(200, b"thanks")) as receiver:
        yield receiver


@pytest.fixture
def endpoint(organization, receiver) -> Endpoint:
    return new_endpoint(organization, url=receiver.url)


def is_delivered(delivery: Delivery) -> bool:
    return refreshed(delivery).delivered_at is not None


def all_delivered() -> bool:
    return not Delivery.objects.filter(delivered_at=None).exists()


def test_what_is_written_goes_out_at_once(endpoint, receiver, monkeypatch):
    monkeypatch.setattr(dispatcher, "POLLING_SECONDS", 60)
    with dispatching():
        [delivery] = told_of(endpoint)
        eventually(lambda: is_delivered(delivery))

    [heard] = receiver.heard
    assert (heard.id, heard.body) == (delivery.public_id, delivery.body.encode())
    assert (delivery.attempts, delivery.next_attempt_at, delivery.last_response_body) == (1, None, "thanks")


def test_an_attempt_is_signed_with_the_moment_at_which_it_began_and_not_with_that_of_the_event(endpoint, receiver):
    [delivery] = told_of(endpoint, now=timezone.now() - timedelta(hours=20))
    with dispatching():
        eventually(lambda: is_delivered(delivery))

    [heard] = receiver.heard
    seconds = int(Attempt.objects.get().started_at.timestamp())
    assert heard.headers["medblocks-signature"].startswith(f"t={seconds},v1=")
    assert heard.headers["webhook-timestamp"] == str(seconds)


def test_what_was_there_before_goes_out_too(endpoint):
    told_of(endpoint, 100)

    with dispatching():
        eventually(all_delivered)

    assert Attempt.objects.count() == 100


def test_what_is_announced_by_hand_goes_out(endpoint, monkeypatch):
    monkeypatch.setattr(dispatcher, "POLLING_SECONDS", 60)
    [delivery] = told_of(endpoint, now=timezone.now() + timedelta(days=1))
    with dispatching():
        time.sleep(0.3)
        assert not is_delivered(delivery)
        Delivery.objects.update(next_attempt_at=timezone.now())
        announce()
        eventually(lambda: is_delivered(delivery))


def test_what_becomes_due_is_found_without_an_announcement(endpoint):
    [delivery] = told_of(endpoint, now=timezone.now() + timedelta(seconds=0.5))

    with dispatching():
        eventually(lambda: is_delivered(delivery))


def test_a_receiver_that_hangs_holds_up_no_other(organization, endpoint, receiver, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 60.0)
    monkeypatch.setattr(senders, "SECONDS", 60.0)
    with Receiver(hangs_after()) as hanging, dispatching():
        told_of(new_endpoint(organization, url=hanging.url), 50)
        eventually(lambda: not endpoint.deliveries.filter(delivered_at=None).exists())
        eventually(lambda: len(hanging.heard) == AT_ONCE)
        hanging.stopping.set()


def test_all_is_delivered_of_many_endpoints_with_few_slots(organization, monkeypatch):
    monkeypatch.setattr(claiming, "WINDOW", 3)
    with ExitStack() as stack:
        receivers = [stack.enter_context(Receiver(answers(204))) for _ in range(10)]
        for each in receivers:
            new_endpoint(organization, url=each.url)
        with dispatching(4):
            told_of(Endpoint.objects.first(), 20)
            eventually(all_delivered)

    assert [len(each.heard) for each in receivers] == [20] * 10


def test_two_workers_send_nothing_twice(organization, endpoint, receiver):
    with dispatching(), dispatching():
        told_of(endpoint, 200)
        eventually(all_delivered)

    assert set(Counter(heard.id for heard in receiver.heard).values()) == {1}
    assert len(receiver.heard) == 200


def test_it_ends_when_what_is_under_way_is_noted(organization):
    def answers_late(line: Line) -> None:
        line.listen()
        time.sleep(0.5)
        line.say(answer(200))

    with Receiver(answers_late) as late:
        delivery = delivery_at(organization, url=late.url)
        with dispatching():
            eventually(lambda: late.heard)

    assert is_delivered(delivery)
    assert Attempt.objects.get().outcome == Outcome.DELIVERED


def test_a_name_whose_look_up_hangs_costs_a_thread_and_not_the_time_of_others(
    organization, endpoint, receiver, monkeypatch
):
    monkeypatch.setattr(senders, "SECONDS", 1.0)
    monkeypatch.setattr(senders, "GRACE_SECONDS", 0.5)
    may_end, look_up = threading.Event(), socket.getaddrinfo

    def hangs(host, *arguments, **named):
        if host == "hangs.localhost":
            may_end.wait(30)
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    nowhere = new_endpoint(organization, url=f"http://hangs.localhost:{receiver.port}/")
    try:
        with dispatching(4):
            told_of(endpoint, 5)
            eventually(lambda: not endpoint.deliveries.filter(delivered_at=None).exists())
            eventually(lambda: Attempt.objects.filter(endpoint=nowhere, outcome=Outcome.FAILED).exists())
    finally:
        may_end.set()

    assert Attempt.objects.filter(endpoint=nowhere).first().problem == senders.TOO_LONG
    assert nowhere.deliveries.filter(attempts=1, delivered_at=None).exists()


def test_what_cannot_be_decrypted_is_a_failure_that_says_so(endpoint, settings):
    [delivery] = told_of(endpoint)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with dispatching():
        eventually(lambda: Attempt.objects.filter(outcome=Outcome.FAILED).exists())

    assert "ENCRYPTION_KEYS" in Attempt.objects.get().problem
    assert Delivery.objects.values_list("attempts", flat=True).get(pk=delivery.pk) == 1


def test_what_cannot_be_noted_now_is_noted_later(endpoint, receiver):
    with dispatching():
        [delivery] = told_of(endpoint)
        eventually(lambda: receiver.heard)
        with locked(Endpoint.objects.filter(pk=endpoint.pk)):
            time.sleep(0.3)
        eventually(lambda: is_delivered(delivery))


def is_listening() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%%'")
        return cursor.fetchone() is not None


def test_it_ends_with_an_error_where_the_database_is_lost(endpoint):
    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    def work() -> None:
        with dispatching():
            eventually(is_listening)
            cut()
            time.sleep(0.3)

    with pytest.raises((OperationalError, psycopg.OperationalError)):  # whichever connection is looked at first
        work()


def test_a_worker_that_stands_still_while_it_claims_stops_no_other_and_ends(endpoint, monkeypatch):
    monkeypatch.setattr(claiming, "STANDSTILL", "2s")
    stands_still, may_go_on = threading.Event(), threading.Event()
    sharing = claiming.share

    def share_or_stand_still(queues, slots):
        if slots.total == 1:
            stands_still.set()
            assert may_go_on.wait(30)
        return sharing(queues, slots)

    def work() -> None:
        with pytest.raises(DatabaseError):
            claim(Slots(total=1))

    monkeypatch.setattr(claiming, "share", share_or_stand_still)
    with beside(work):
        assert stands_still.wait(30)
        with dispatching():
            pass  # it ends while it is kept out
        with dispatching():
            [delivery] = told_of(endpoint)
            eventually(lambda: is_delivered(delivery))
        may_go_on.set()


@pytest.mark.parametrize(("is_quick", "most"), [(False, 4), (None, 6)])
def test_slow_receivers_of_many_workspaces_leave_room_for_one_that_is_well(
    organization, endpoint, monkeypatch, is_quick, most
):
    monkeypatch.setattr(sending, "SECONDS", 60.0)
    monkeypatch.setattr(senders, "SECONDS", 60.0)
    with Receiver(hangs_after()) as slow, dispatching(8):
        for number in range(12):
            other = create_organization(name=f"Slow {number}", environment="sandbox")
            told_of(new_endpoint(other, url=slow.url, is_quick=is_quick), 3)
        eventually(lambda: len(slow.heard) == most)

        for _ in range(3):
            [delivery] = told_of(endpoint)
            eventually(lambda delivery=delivery: is_delivered(delivery))

        assert len(slow.heard) == most
        slow.stopping.set()


class Round:
    """Endpoints in a circle, of which a step sees two; `seen` are those that were seen since they became due."""

    def __init__(self, count: int) -> None:
        self.count, self.seen, self.at = count, set[int](), 0

    def step(self, walk: Walk) -> None:
        following = range(self.at, min(self.at + 2, self.count))
        self.seen |= set(following)
        self.at = following.stop if following.stop < self.count else 0
        walk.came_to(str(self.at) if self.at else "")


@pytest.mark.parametrize("seed", range(20))
def test_a_walk_is_over_only_when_it_has_seen_all_since_it_was_last_to_begin_anew(seed):
    chance, walk, around = random.Random(seed), Walk(), Round(7)
    for _ in range(200):
        if walk.is_over:
            assert around.seen == set(range(7))
        if walk.is_over or chance.random() < 0.2:
            around.seen.clear()
            walk.begin_anew()
        else:
            around.step(walk)
