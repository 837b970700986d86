"""Nobody is shown an event before all that were written earlier have come about, or have not."""

import random
import threading
import time

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.api_client import Api
from tests.webhooks.told import run
from tests.webhooks.writing import ThinksAgain, being_written, tell
from webhooks.models import Event
from webhooks.operations import Fact, emit, emit_all
from webhooks.settling import settled

pytestmark = pytest.mark.django_db(transaction=True)


def poll(api, cursor: str | None, limit: int = 100) -> tuple[list[int], str]:
    """The numbers that are new to somebody who has kept this cursor, oldest first, and the next cursor."""
    page = api.get("/events", {"limit": limit} | ({"ending_before": cursor} if cursor else {})).json
    return [event["data"]["object"]["number"] for event in reversed(page["data"])], page["previous_cursor"]


def test_who_keeps_the_last_cursor_does_not_miss_what_was_written_first_and_appeared_last(api, organization):
    _, cursor = poll(api, None)

    with being_written(organization, 1):
        tell(organization, 2)
        meanwhile, cursor = poll(api, cursor)
    then, cursor = poll(api, cursor)

    assert meanwhile == []
    assert then == [1, 2]
    assert poll(api, cursor)[0] == []


def test_what_was_written_earlier_is_shown_while_something_is_in_the_making(api, organization):
    tell(organization, 1)

    with being_written(organization, 2):
        tell(organization, 3)
        assert poll(api, None)[0] == [1]

    assert poll(api, None)[0] == [1, 2, 3]


def test_what_comes_to_nothing_holds_up_nobody_afterwards(api, organization):
    with being_written(organization, 1, comes_about=False):
        tell(organization, 2)
        _, cursor = poll(api, None)

    assert poll(api, cursor)[0] == [2]


def test_a_savepoint_that_is_taken_back_holds_up_nobody(api, organization):
    def think_again() -> None:
        with transaction.atomic():
            emit(organization, "patient.deleted", {"number": 1}, now=timezone.now())
            raise ThinksAgain

    with transaction.atomic():
        with pytest.raises(ThinksAgain):
            think_again()
        emit(organization, "patient.deleted", {"number": 2}, now=timezone.now())

    assert poll(api, None)[0] == [2]


def test_a_transaction_that_writes_no_event_holds_up_nobody(api, organization):
    begun, may_end = threading.Event(), threading.Event()

    def write_something_else() -> None:
        with transaction.atomic():
            type(organization).objects.filter(pk=organization.pk).update(name="Another name")
            begun.set()
            assert may_end.wait(30)
        connection.close()

    writer = threading.Thread(target=write_something_else)
    writer.start()
    try:
        assert begun.wait(30)
        with transaction.atomic():
            emit(organization.pk, "patient.deleted", {"number": 1}, now=timezone.now())
        assert poll(api, None)[0] == [1]
    finally:
        may_end.set()
        writer.join()


def test_a_transaction_sees_its_own_events(organization):
    with transaction.atomic():
        event = emit(organization, "patient.deleted", {}, now=timezone.now())

        assert settled().up_to == Event.objects.get(pk=event.pk).place


def test_every_place_is_higher_than_what_its_writer_announced(organization):
    """Also where one statement takes very many."""
    before = settled().last_given
    facts = [Fact(organization_id=organization.pk, type="patient.deleted", object={"number": n}) for n in range(300)]

    with transaction.atomic():
        emit_all(facts, now=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            announced = cursor.fetchall()

    assert announced == [(before,)]
    assert list(Event.objects.order_by("place").values_list("place", "object__number")) == [
        (before + 1 + n, n) for n in range(300)
    ]


@pytest.mark.parametrize("last", [2**31 - 1, 2**32 - 1, 2**32, 2**40 + 7])
def test_places_may_become_very_large(api, organization, last):
    usual = settled().last_given
    run(f"SELECT setval('webhooks_event_place', {last})")
    _, cursor = poll(api, None)

    with being_written(organization, 1):
        tell(organization, 2)
        assert settled().up_to == last
        assert settled().last_given == last + 2
        assert poll(api, cursor)[0] == []

    assert poll(api, cursor)[0] == [1, 2]
    run(f"SELECT setval('webhooks_event_place', {usual + 1})")  # others look at locks that have 32 bits of it


def test_the_very_first_event_is_not_missed(api, organization):
    run("ALTER SEQUENCE webhooks_event_place RESTART")
    _, cursor = poll(api, None)
    assert settled().last_given == 0

    tell(organization, 1)

    assert poll(api, cursor)[0] == [1]


def test_a_cursor_from_before_the_database_was_put_back_is_refused_and_not_silent_for_ever(api, organization):
    for number in range(3):
        tell(organization, number)
    _, cursor = poll(api, None)
    run("SELECT setval('webhooks_event_place', (SELECT max(place) - 1 FROM webhooks_event))")

    assert api.get("/events", {"ending_before": cursor}).problem == (400, "bad_request", "ending_before")


def test_of_many_who_write_at_once_a_reader_misses_none_and_sees_none_twice(api, organization):
    """Some take long, some come to nothing, and the reader never stops."""
    writers, each = 6, 40
    came_about: list[list[int]] = [[] for _ in range(writers)]

    def write(writer: int) -> None:
        chance = random.Random(writer)
        for turn in range(each):
            number = writer * each + turn
            try:
                with transaction.atomic():
                    emit(organization, "patient.deleted", {"number": number}, now=timezone.now())
                    time.sleep(chance.choice([0, 0, 0.001, 0.01]))
                    if chance.random() < 0.1:
                        raise ThinksAgain
            except ThinksAgain:
                continue
            came_about[writer].append(number)
        connection.close()

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(writers)]
    seen, cursor = poll(api, None)
    for thread in threads:
        thread.start()
    new: list[int] = []
    while any(thread.is_alive() for thread in threads) or new:
        new, cursor = poll(api, cursor, limit=7)
        seen += new
    seen += poll(api, cursor)[0]

    assert sorted(seen) == sorted(number for numbers in came_about for number in numbers)
    assert seen == [number for (number,) in Event.objects.order_by("place").values_list("object__number")]


def test_events_of_others_are_no_part_of_a_feed(api, api_of_other: Api, other_organization):
    _, cursor = poll(api, None)
    tell(other_organization, 1)

    assert poll(api, cursor)[0] == []
    assert poll(api_of_other, None)[0] == [1]
