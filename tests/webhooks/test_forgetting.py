"""Events are kept for a month."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from webhooks import forgetting
from webhooks.forgetting import forget_old
from webhooks.models import Event
from webhooks.operations import emit
from webhooks.tasks import forget_old_events


@pytest.fixture
def write(organization):
    """An event that was written so long ago."""

    def written(ago: timedelta) -> Event:
        now = timezone.now()
        with time_machine.travel(now - ago, tick=False):
            return emit(organization, "patient.deleted", {}, now=now - ago)

    return written


def test_events_are_forgotten_after_thirty_days(write):
    write(timedelta(days=30, minutes=1))
    kept = [write(timedelta(days=30, minutes=-1)), write(timedelta(0))]

    forget_old_events(0)

    assert list(Event.objects.order_by("pk")) == kept


def test_the_oldest_are_forgotten_first_and_the_rest_is_left_for_the_next_time(write, monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)
    monkeypatch.setattr(forgetting, "MAX_BATCHES", 2)
    events = [write(timedelta(days=40 - number)) for number in range(7)]

    assert forget_old(timezone.now()) == 4
    assert list(Event.objects.order_by("pk")) == events[4:]
    assert [forget_old(timezone.now()) for _ in range(2)] == [3, 0]


def test_forgetting_costs_as_many_statements_however_many_are_forgotten(write, django_assert_num_queries):
    for number in (1, 30):
        for _ in range(number):
            write(timedelta(days=31))

        # begin; old tests; end; begin; the events; their deliveries; the events are deleted; end
        with django_assert_num_queries(8):
            assert forget_old(timezone.now()) == number
