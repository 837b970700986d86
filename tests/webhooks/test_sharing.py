"""The slots of a worker are shared so that nobody who is slow, dead or flooded holds up the others."""

import copy
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webhooks.sharing import AT_ONCE, AT_ONCE_WHILE_FAILING, Queue, Slots, share

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def queue(endpoint: str, organization: str = "a", *, due: int = AT_ONCE, waited: int = 0, **state) -> Queue:
    since = NOW - timedelta(seconds=waited)
    return Queue(endpoint_id=endpoint, organization_id=organization, due=due, due_since=since, **state)


@st.composite
def situations(draw) -> tuple[list[Queue], Slots]:
    """Any number of queues of a few workspaces, before a worker that is at some of them already."""
    organizations = st.sampled_from("abcd")
    queues = [
        queue(
            f"endpoint-{number}",
            draw(organizations),
            due=draw(st.integers(0, 12)),
            waited=draw(st.integers(0, 100)),
            under_way=draw(st.integers(0, 10)),
            is_failing=draw(st.booleans()),
            is_slow=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 20)))
    ]
    total = draw(st.integers(0, 40))
    taken = Counter(draw(st.lists(organizations, max_size=total)))
    return queues, Slots(total, taken, draw(st.integers(0, taken.total())))


def most_of_one(slots: Slots) -> int:
    return max(1, slots.total - max(1, slots.total // 4))


@given(situations())
def test_no_rule_is_ever_broken(situation):
    queues, slots = situation
    before = copy.deepcopy(slots)

    shares = share(queues, slots)

    by_id = {each.endpoint_id: each for each in queues}
    new: Counter[str] = Counter()
    for endpoint, count in shares.items():
        new[by_id[endpoint].organization_id] += count
        at_once = AT_ONCE_WHILE_FAILING if by_id[endpoint].is_failing else AT_ONCE
        assert 0 < count <= by_id[endpoint].due
        assert count + by_id[endpoint].under_way <= at_once
    assert sum(shares.values()) <= before.free
    assert all(before.by_organization[name] + count <= most_of_one(before) for name, count in new.items())
    in_trouble = sum(count for endpoint, count in shares.items() if by_id[endpoint].is_in_trouble)
    assert not in_trouble or before.in_trouble + in_trouble <= max(1, before.total // 2)


@given(situations())
def test_what_is_sharesis_taken(situation):
    queues, slots = situation
    before = copy.deepcopy(slots)

    shares = share(queues, slots)

    assert slots.free == before.free - sum(shares.values())


@given(situations())
def test_no_slot_stays_free_that_somebody_may_have(situation):
    queues, slots = situation

    shares = share(queues, slots)

    wanting = [each for each in queues if shares.get(each.endpoint_id, 0) < each.room]
    assert not [each for each in wanting if slots.may_take(each)]


@given(situations())
def test_nobody_is_sharesanother_while_somebody_with_fewer_waits(situation):
    queues, slots = situation

    shares = share(queues, slots)

    waiting = [each for each in queues if shares.get(each.endpoint_id, 0) < each.room and not each.is_in_trouble]
    for poor in waiting:
        has = slots.by_organization[poor.organization_id]
        for rich in queues:
            if shares.get(rich.endpoint_id) and has < most_of_one(slots):
                assert slots.by_organization[rich.organization_id] <= has + 1


def test_a_flood_of_one_workspace_leaves_room_for_the_others():
    flooded = [queue(f"flooded-{number}", "a", waited=1000) for number in range(10)]

    assert sum(share(flooded, Slots(32)).values()) == 24

    shares = share([*flooded, queue("other", "b", due=3)], Slots(32))
    assert shares["other"] == 3


def test_workspaces_that_want_all_get_the_same():
    shares = share([queue(f"{name}-{number}", name) for name in "abcd" for number in range(4)], Slots(32))

    assert Counter(endpoint[0] for endpoint in shares for _ in range(shares[endpoint])) == dict.fromkeys("abcd", 8)


def test_within_a_workspace_so_do_endpoints():
    shares = share([queue("one"), queue("two"), queue("three", due=2)], Slots(12))

    assert shares == {"one": 4, "two": 3, "three": 2} or shares == {"one": 3, "two": 4, "three": 2}


def test_the_dead_have_one_slot_each_and_together_half():
    dead = [queue(f"dead-{number}", str(number), is_failing=True, waited=1000) for number in range(100)]
    well = [queue(f"well-{number}", "well") for number in range(2)]

    shares = share([*dead, *well], Slots(32))

    assert sum(count for endpoint, count in shares.items() if endpoint.startswith("dead")) == 16
    assert (shares["well-0"], shares["well-1"]) == (8, 8)


def test_the_slow_have_together_half():
    slow = [queue(f"slow-{number}", str(number), is_slow=True, waited=1000) for number in range(10)]

    assert sum(share(slow, Slots(32)).values()) == 16


def test_whoever_waited_longest_comes_first():
    queues = [
        queue("young", "a", due=1, waited=1),
        queue("old", "b", due=1, waited=9),
        queue("older", "c", due=1, waited=10),
    ]

    assert share(queues, Slots(2)) == {"older": 1, "old": 1}


def test_one_slot_is_enough_to_get_everybody_through():
    assert share([queue("dead", is_failing=True)], Slots(1)) == {"dead": 1}
    assert share([queue("well")], Slots(1)) == {"well": 1}
    assert share([queue("well")], Slots(0)) == {}
