"""Counting requests: evenly refilling allowances, in memory and in Redis."""

import logging
import socket
import threading

import pytest
from fakeredis import TcpFakeServer
from hypothesis import given
from hypothesis import strategies as st

from common import shared_rates
from common.rates import SECOND, MemoryCounter, Rate
from common.shared_rates import SharedCounter
from tests.ports import closed_port

RATE = Rate.parse("3/hour")


@pytest.fixture(scope="module")
def redis_url():
    """A server that speaks Redis's protocol, on loopback."""
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["memory", "redis"])
def counter(request, redis_url):
    if request.param == "memory":
        return MemoryCounter()
    return SharedCounter(redis_url, prefix=f"test:{id(request)}:", otherwise=Unused())


class Unused:
    def count(self, name, rate):
        raise AssertionError("Redis was not asked")


@pytest.mark.parametrize("text", ["1/second", "1000/minute", "5/hour", "1000000/day"])
def test_a_rate_is_a_number_and_a_period(text):
    rate = Rate.parse(text)

    assert rate.limit == int(text.split("/")[0])
    assert rate.limit * rate.interval == rate.period


@pytest.mark.parametrize(
    "text", ["", "0/minute", "-1/minute", "x/minute", "10/week", "10 / minute", "1.5/second", "10", "٣/day"]
)
def test_anything_else_is_no_rate(text):
    with pytest.raises(ValueError, match="as in 1000/minute"):
        Rate.parse(text)


def test_a_name_has_its_allowance_and_no_more(counter):
    standings = [counter.count("a", RATE) for _ in range(5)]

    assert [standing.allowed for standing in standings] == [True, True, True, False, False]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0, 0]
    assert {standing.limit for standing in standings} == {3}


def test_names_do_not_affect_each_other(counter):
    for _ in range(5):
        counter.count("a", RATE)

    assert counter.count("b", RATE).remaining == 2


def test_a_refused_request_costs_nothing_and_learns_when_the_next_one_may_come(counter):
    for _ in range(3):
        counter.count("a", RATE)
    refused = [counter.count("a", RATE) for _ in range(20)]

    assert {standing.retry_after for standing in refused} <= {1199, 1200}
    assert {standing.reset for standing in refused} <= {3599, 3600}


def test_in_redis_all_processes_count_together(redis_url):
    one, other = (SharedCounter(redis_url, prefix="together:", otherwise=Unused()) for _ in range(2))

    assert [which.count("a", RATE).remaining for which in (one, other, one)] == [2, 1, 0]
    assert not other.count("a", RATE).allowed


def test_without_redis_each_process_counts_and_says_so_once(caplog):
    with closed_port() as port:
        counter = SharedCounter(f"redis://:hidden@127.0.0.1:{port}/0", prefix="", otherwise=MemoryCounter())
        with caplog.at_level(logging.WARNING):
            standings = [counter.count("a", RATE) for _ in range(4)]

    assert [standing.allowed for standing in standings] == [True, True, True, False]
    assert len(caplog.records) == 1
    assert "hidden" not in caplog.text


def test_a_redis_that_hangs_is_left_alone_for_a_while(monkeypatch):
    monkeypatch.setattr(shared_rates, "TIMEOUT_SECONDS", 0.01)
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        counter = SharedCounter(f"redis://127.0.0.1:{hanging.getsockname()[1]}/0", prefix="", otherwise=MemoryCounter())
        for _ in range(50):
            assert counter.count("a", Rate.parse("1000/day")).allowed
        hanging.setblocking(False)
        tried = 0
        while True:
            try:
                hanging.accept()[0].close()
            except BlockingIOError:
                break
            tried += 1
    assert 1 <= tried <= 2


def test_memory_is_bounded_against_a_flood_of_names():
    counter = MemoryCounter(max_names=1000)
    for number in range(20_000):
        counter.count(f"made-up-{number}", RATE)
        assert len(counter) <= 1000


def test_in_a_flood_the_longest_unseen_are_forgotten_first():
    counter = MemoryCounter(max_names=1000)
    for number in range(20_000):
        counter.count(f"made-up-{number}", RATE)
        if number % 100 == 0:
            last = counter.count("busy", RATE)

    assert not last.allowed


def test_names_whose_allowance_is_whole_again_take_no_room():
    counter = MemoryCounter(max_names=10)
    for number in range(10_000):
        counter.count(f"made-up-{number}", Rate.parse("1000000/second"))

    assert counter.count("another", RATE).remaining == 2
    assert len(counter) <= 11


@given(limit=st.integers(1, 9_999_999), period=st.sampled_from(["second", "minute", "hour", "day"]))
def test_of_any_rate_the_first_request_passes_and_the_figures_agree(limit, period):
    standing = MemoryCounter().count("a", Rate.parse(f"{limit}/{period}"))

    assert standing.allowed
    assert standing.remaining == limit - 1
    assert 1 <= standing.reset <= 86400
    assert Rate.parse(f"{limit}/{period}").period <= max(86400 * SECOND, limit)
