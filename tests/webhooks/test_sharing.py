"""The slots of a worker are shared so that nobody who is slow, dead or flooded holds up the others."""

import copy
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webhooks.sharing import AT_ONCE, Queue, Slots, share

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def queue(endpoint: str, organization: str = "a", *, due: int = AT_ONCE, waited: int = 0, **state) -> Queue:
    since = NOW - timedelta(seconds=waited)
    known = {"is_quick": True} | state
    return Queue(endpoint_id=endpoint, organization_id=organization, due=due, due_since=since, **known)


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
            is_quick=draw(st.sampled_from([True, False, None])),
        )
        for number in range(draw(st.integers(0, 20)))
    ]
    total = draw(st.integers(0, 40))
    taken = Counter(draw(st.lists(organizations, max_size=total)))
    in_trouble = draw(st.integers(0, taken.total()))
    return queues, Slots(total, taken, in_trouble, draw(st.integers(0, taken.total() - in_trouble)))


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
        is_held_back = by_id[endpoint].is_failing or by_id[endpoint].is_quick is None
        at_once = 1 if is_held_back else AT_ONCE
        assert 0 < count <= by_id[endpoint].due
        assert count + by_id[endpoint].under_way <= at_once
    assert sum(shares.values()) <= before.free
    assert all(before.by_organization[name] + count <= most_of_one(before) for name, count in new.items())
    in_trouble = sum(count for endpoint, count in shares.items() if by_id[endpoint].is_in_trouble)
    assert not in_trouble or before.in_trouble + in_trouble <= max(1, before.total // 2)
    not_well = sum(count for endpoint, count in shares.items() if not by_id[endpoint].is_well)
    assert not not_well or before.in_trouble + before.untried + not_well <= most_of_one(before)


@given(situations())
def test_what_is_given_is_taken(situation):
    queues, slots = situation
    before = copy.deepcopy(slots)

    shares = share(queues, slots)

    assert slots.free == before.free - sum(shares.values())
    by_id = {each.endpoint_id: each for each in queues}
    assert slots.in_trouble - before.in_trouble == sum(shares[each] for each in shares if by_id[each].is_in_trouble)
    assert slots.untried - before.untried == sum(shares[each] for each in shares if by_id[each].is_untried)


@given(situations())
def test_no_slot_stays_free_that_somebody_may_have(situation):
    queues, slots = situation

    shares = share(queues, slots)

    wanting = [each for each in queues if shares.get(each.endpoint_id, 0) < each.room]
    assert not [each for each in wanting if slots.may_take(each)]


@given(situations())
def test_nobody_is_given_another_while_somebody_with_fewer_waits(situation):
    queues, slots = situation

    shares = share(queues, slots)

    waiting = [each for each in queues if shares.get(each.endpoint_id, 0) < each.room and each.is_well]
    for poor in waiting:
        has = slots.by_organization[poor.organization_id]
        for rich in queues:
            if shares.get(rich.endpoint_id) and has < most_of_one(slots):
                assert slots.by_organization[rich.organization_id] <= has + 1


@given(situations())
def test_one_that_is_well_and_has_nothing_comes_before_those_that_are_not(situation):
    queues, slots = situation
    queues = list({each.organization_id: each for each in queues}.values())
    before = copy.deepcopy(slots)

    shares = share(queues, slots)

    for left in queues:
        if left.is_well and left.room and not left.under_way and not shares.get(left.endpoint_id):
            has = before.by_organization[left.organization_id]
            later = [each for each in queues if shares.get(each.endpoint_id) and not each.is_well]
            assert has == most_of_one(before) or all(
                slots.by_organization[each.organization_id] <= has for each in later
            )


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


def test_so_have_those_that_were_slow_the_last_time_and_those_that_are_well_have_the_rest():
    slow = [queue(f"slow-{number}", str(number), is_quick=False, waited=1000) for number in range(100)]

    slots = Slots(32)
    assert sum(share(slow, slots).values()) == 16

    assert sum(share([queue("well", due=3)], slots).values()) == 3


def test_new_ones_and_those_in_trouble_together_leave_a_quarter():
    new = [queue(f"new-{number}", str(number), is_quick=None, waited=1000) for number in range(100)]
    slow = [queue(f"slow-{number}", f"slow-{number}", is_quick=False, waited=2000) for number in range(100)]

    slots = Slots(32)
    assert sum(share([*new, *slow], slots).values()) == 24

    assert share([queue("well"), queue("new", is_quick=None)], slots) == {"well": 8}


def test_new_ones_come_before_those_in_trouble():
    slow = [queue(f"slow-{number}", f"slow-{number}", is_quick=False, waited=2000) for number in range(100)]

    assert "new" in share([*slow, queue("new", "new", is_quick=None)], Slots(2))


def test_within_a_workspace_one_that_is_not_well_has_its_turn_all_the_same():
    queues = [queue(f"well-{number}") for number in range(4)]

    shares = share([*queues, queue("slow", is_quick=False)], Slots(32))

    assert shares["slow"] >= 4


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
