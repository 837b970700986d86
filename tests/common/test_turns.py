"""Turns: so many at once, in order, and nobody waits for ever."""

import threading
import time
from functools import partial

import pytest

from common.turns import Turns
from tests.eventually import eventually

LONG = 30.0


@pytest.fixture
def turns():
    return Turns(at_once=2, patience=LONG)


def waiting(turns):
    return len(turns._waiting)


until = partial(eventually, within=10)


def test_no_more_than_that_many_compute_at_once_and_all_come_to_their_turn(turns):
    inside, most, done = set(), [], []

    def work(number):
        with turns.taken():
            inside.add(number)
            most.append(len(inside))
            time.sleep(0.002)
            inside.remove(number)
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=LONG)

    assert sorted(done) == list(range(30))
    assert max(most) == 2


def test_who_comes_first_goes_first_even_before_who_gave_the_turn_back():
    turns = Turns(at_once=1, patience=LONG)
    order = []

    def work(name):
        with turns.taken():
            order.append(name)

    with turns.taken():
        threads = []
        for place, name in enumerate("abc", 1):
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
            until(lambda place=place: waiting(turns) == place)
    with turns.taken():
        order.append("again")
    for thread in threads:
        thread.join(timeout=LONG)

    assert order == ["a", "b", "c", "again"]


def test_a_turn_is_lent_while_waiting_for_another_server(turns):
    entered = threading.Event()

    def work():
        with turns.taken():
            entered.set()

    with turns.taken(), Turns.taken(turns):  # both turns are taken by this thread
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: waiting(turns) == 1)
        assert not entered.is_set()
        with turns.lent():
            assert entered.wait(timeout=LONG)
    thread.join(timeout=LONG)


def test_one_that_waited_long_enough_goes_on_without_and_takes_no_turn_away():
    turns = Turns(at_once=1, patience=0.01)
    release = threading.Event()
    held = threading.Event()

    def hold():
        with turns.taken():
            held.set()
            release.wait(timeout=LONG)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(timeout=LONG)
    with turns.taken(), turns.lent():
        pass
    assert waiting(turns) == 0
    release.set()
    holder.join(timeout=LONG)

    assert turns._free == 1


def test_an_error_gives_the_turn_back(turns):
    for _ in range(5):
        with pytest.raises(ValueError, match="oops"), turns.taken():
            raise ValueError("oops")

    assert turns._free == 2


def test_outside_of_any_turn_there_is_none_to_lend(turns):
    with turns.lent():
        pass

    assert turns._free == 2
