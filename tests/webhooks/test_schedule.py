"""When a delivery is tried again is a matter of how often it failed, and of what its receiver asks for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.schedule import ATTEMPTS, JITTER, LONGEST_ASKED_FOR, WAITS, next_attempt
from webhooks.sending import Answer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def wait(attempts: int = 1, *, lot: float = 0.0, status: int | None = 503, retry_after: str = "") -> timedelta | None:
    at = next_attempt(attempts, Answer(status=status, retry_after=retry_after), NOW, lot=lot)
    return None if at is None else at - NOW


def test_the_waits_are_those_of_the_contract():
    waits = [wait(attempts) for attempts in range(1, 9)]

    assert waits == [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR, DAY, DAY, DAY]


@pytest.mark.parametrize("attempts", [9, 10, 1000])
def test_after_nine_there_is_no_other(attempts):
    assert wait(attempts) is None


@given(attempts=st.integers(1, ATTEMPTS - 1), lot=st.floats(0, 1))
def test_jitter_is_a_few_per_cent_and_never_makes_it_earlier(attempts, lot):
    planned = WAITS[attempts - 1]

    assert planned <= wait(attempts, lot=lot) <= planned * (1 + JITTER)


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_put_it_off(status):
    assert wait(status=status, retry_after="3600") == HOUR
    assert wait(status=status, retry_after=format_datetime(NOW + HOUR, usegmt=True)) == HOUR


@pytest.mark.parametrize("status", [None, 301, 400, 408, 500, 502, 504])
def test_with_any_other_answer_it_may_not(status):
    assert wait(status=status, retry_after="3600") == MINUTE


def test_it_may_not_bring_it_forward():
    assert wait(4, retry_after="1") == 2 * HOUR
    assert wait(4, retry_after=format_datetime(NOW - DAY, usegmt=True)) == 2 * HOUR


def test_it_may_not_put_it_off_for_ever():
    assert wait(retry_after="999999999") == LONGEST_ASKED_FOR
    assert wait(6, retry_after=format_datetime(NOW + 365 * DAY, usegmt=True)) == DAY


@pytest.mark.parametrize("text", ["soon", "-5", "1.5", "١٢", "9" * 5000, "Mon, 99 Foo 2026", "", "\0", "0x10"])
def test_what_is_no_time_is_passed_over(text):
    assert wait(retry_after=text) in (MINUTE, LONGEST_ASKED_FOR)


@given(text=st.text(max_size=40), attempts=st.integers(1, 20))
def test_whatever_a_receiver_says_it_is_never_earlier_than_planned_nor_much_later(text, attempts):
    waited = wait(attempts, retry_after=text)

    if attempts >= ATTEMPTS:
        assert waited is None
    else:
        planned = WAITS[attempts - 1]
        assert planned <= waited <= max(planned, LONGEST_ASKED_FOR)
