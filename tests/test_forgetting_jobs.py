"""Jobs that ended are forgotten some time later. With a real worker it is in tests/chaos/test_worker.py."""

from datetime import datetime, timedelta

import pytest
from django.db import connection as database
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from procrastinate.jobs import Status

from medblocks_connect import jobs
from medblocks_connect.jobs import forget_jobs

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def job(status: str, at: datetime) -> int:
    """A job that got this status at this moment, a week after it was made."""
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'a.task', 'todo')"
            " RETURNING id"
        )
        (made,) = cursor.fetchone()
        cursor.execute("UPDATE procrastinate_events SET at = %s WHERE job_id = %s", [at - 7 * DAY, made])
        if status != "todo":
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [made])
            cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, made])
            cursor.execute(
                "UPDATE procrastinate_events SET at = %s WHERE job_id = %s AND at > %s", [at, made, at - DAY]
            )
    return made


def kept() -> set[int]:
    return set(ProcrastinateJob.objects.values_list("pk", flat=True))


def test_what_ended_before_that_moment_is_forgotten_with_its_events(now):
    old, recent = job("succeeded", now - DAY - MINUTE), job("succeeded", now - DAY + MINUTE)

    assert forget_jobs([Status.SUCCEEDED], ended_before=now - DAY) == 1

    assert kept() == {recent}
    assert not ProcrastinateEvent.objects.filter(job_id=old).exists()


@pytest.mark.parametrize("status", ["todo", "doing", "failed", "aborted"])
def test_other_jobs_stay_however_old_they_are(now, status):
    other = job(status, now - 60 * DAY)

    assert forget_jobs([Status.SUCCEEDED], ended_before=now - DAY) == 0
    assert kept() == {other}


def test_a_periodic_job_goes_although_it_is_noted_when_it_was_last_due(now):
    old = job("succeeded", now - 2 * DAY)
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id) VALUES ('a', 1, %s)", [old]
        )

    assert forget_jobs([Status.SUCCEEDED], ended_before=now - DAY) == 1


def test_they_go_some_at_a_time_the_oldest_first_and_not_without_end(now, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 2)
    monkeypatch.setattr(jobs, "MAX_BATCHES", 2)
    old = [job("succeeded", now - 2 * DAY) for _ in range(5)]

    assert forget_jobs([Status.SUCCEEDED], ended_before=now - DAY) == 4
    assert kept() == {old[-1]}
    assert forget_jobs([Status.SUCCEEDED], ended_before=now - DAY) == 1
