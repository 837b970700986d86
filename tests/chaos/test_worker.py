"""`manage.py worker` as a process: how it ends, what it leaves behind, and who goes on with it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection as database
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from medblocks_connect.management.commands.worker import ENDED
from records.models import PullStatus, PullStep
from tests.eventually import eventually

RECORDS_OF_WALTER = 906  # without observations, of which there are more than of all else
QUICK = "organizations.tasks.purge_idempotency_keys"


@pytest.fixture
def left_out() -> list[str]:
    return ["Observation"]


def statuses(task: str) -> list[str]:
    return list(ProcrastinateJob.objects.filter(task_name=task).order_by("pk").values_list("status", flat=True))


def pages(pull) -> int:
    return sum(PullStep.objects.filter(pull=pull).values_list("pages", flat=True))


def is_completed(pull) -> bool:
    return type(pull).objects.filter(pk=pull.pk, status=PullStatus.COMPLETED).exists()


def test_sigterm_ends_a_worker_at_the_next_page_and_the_next_worker_goes_on_from_there(world, start_worker):
    pull = world.connect("p-1", "riverside", "walter").pulls.get()
    left = 0
    for times in (1, 3):
        worker = start_worker()
        eventually(lambda left=left: pages(pull) > left + 20)

        for _ in range(times):
            worker.tell(signal.SIGTERM)
            time.sleep(0.01)

        assert worker.ended(within=10) == 0
        pull.refresh_from_db()
        left = pages(pull)
        assert pull.status == PullStatus.WAITING
        assert 0 < pull.received < RECORDS_OF_WALTER
        assert statuses("records.tasks.pull")[-2:] == ["succeeded", "todo"]
        assert not ProcrastinateJob.objects.filter(status__in=["doing", "aborted", "failed"]).exists()
        assert not ProcrastinateWorker.objects.exists()

    following = start_worker()
    eventually(lambda: is_completed(pull))
    pull.refresh_from_db()
    assert (pull.received, pull.added) == (RECORDS_OF_WALTER, RECORDS_OF_WALTER)
    assert pages(pull) > left
    assert following.stop() == 0


def test_an_idle_worker_ends_at_once(start_worker):
    worker = start_worker()
    eventually(worker.is_at_work)

    started = time.monotonic()

    assert worker.stop() == 0
    assert time.monotonic() - started < 8  # it looks at the database every ten seconds by itself


def test_a_worker_that_is_asked_over_and_over_ends_as_if_asked_once(start_worker):
    worker = start_worker()
    eventually(worker.is_at_work)

    asked = 0
    while worker.is_running():
        worker.tell(signal.SIGTERM)
        time.sleep(0.001)
        asked += 1

    assert worker.ended() == 0
    assert asked > 1


def test_pulls_hold_up_no_other_job(world, start_worker):
    pulls = [world.connect("p-1", portal, "anton").pulls.get() for portal in world.sources]  # a second for each answer
    worker = start_worker("--pulls", str(len(pulls)), "--others", "1")
    eventually(lambda: ProcrastinateJob.objects.filter(task_name="records.tasks.pull", status="doing").count() == 4)
    eventually(lambda: not ProcrastinateJob.objects.filter(queue_name="default", status__in=["todo", "doing"]).exists())

    started = time.monotonic()
    job = app.configure_task(QUICK, queueing_lock="of its own").defer(timestamp=0)
    eventually(lambda: ProcrastinateJob.objects.get(pk=job).status == "succeeded")

    assert time.monotonic() - started < 5
    assert ProcrastinateJob.objects.filter(task_name="records.tasks.pull", status="doing").count() == 4
    worker.check()


def test_what_a_killed_worker_was_doing_is_done_by_the_next(world, start_worker):
    pull = world.connect("p-1", "riverside", "walter").pulls.get()
    killed = start_worker("--hurry")
    eventually(lambda: pages(pull) > 20)
    killed.kill()
    assert "doing" in statuses("records.tasks.pull")

    left, next_worker = pages(pull), start_worker("--hurry")

    eventually(lambda: pages(pull) > left)
    assert next_worker.stop() == 0
    assert statuses("records.tasks.pull")[-1] == "todo" or is_completed(pull)
    assert not ProcrastinateJob.objects.filter(status="doing").exists()


def left_by_a_dead_worker(queueing_lock: str, task: str = QUICK) -> int:
    """A job that was begun and never ended."""
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
        )
        (worker,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, worker_id)"
            " VALUES ('default', %s, %s, '{\"timestamp\": 0}', 'doing', %s) RETURNING id",
            [task, queueing_lock, worker],
        )
        return cursor.fetchone()[0]


def test_a_job_left_behind_that_waits_anew_already_does_not_keep_the_others_from_being_taken_up(start_worker):
    superseded = left_by_a_dead_worker("once")
    twin = left_by_a_dead_worker("twins"), left_by_a_dead_worker("twins")
    other = left_by_a_dead_worker("another")
    later = timezone.now() + timezone.timedelta(days=1)
    waiting = app.configure_task(QUICK, queueing_lock="once", schedule_at=later).defer(timestamp=0)

    start_worker("--hurry")

    def status(job: int) -> str:
        return ProcrastinateJob.objects.get(pk=job).status

    eventually(lambda: status(other) == "succeeded")
    eventually(lambda: {status(job) for job in twin} <= {"succeeded", "aborted"})
    assert "succeeded" in {status(job) for job in twin}
    assert (status(superseded), status(waiting)) == ("aborted", "todo")


def ended(status: str, days_ago: float) -> int:
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status)"
            " VALUES ('default', %s, '{\"timestamp\": 0}', 'doing') RETURNING id",
            [QUICK],
        )
        (job,) = cursor.fetchone()
        cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, job])
        cursor.execute(
            "UPDATE procrastinate_events SET at = now() - %s * interval '1 day' WHERE job_id = %s", [days_ago, job]
        )
    return job


def test_jobs_that_ended_long_ago_are_forgotten_and_those_that_failed_later(start_worker):
    gone = [ended("succeeded", 1.1), ended("failed", 31), ended("aborted", 31)]
    kept = [ended("succeeded", 0.9), ended("failed", 29), ended("aborted", 29)]
    forgetting = app.configure_task("medblocks_connect.tasks.forget_old_jobs").defer(timestamp=0)

    start_worker()

    eventually(lambda: ProcrastinateJob.objects.get(pk=forgetting).status == "succeeded")
    assert set(ProcrastinateJob.objects.filter(pk__in=gone + kept).values_list("pk", flat=True)) == set(kept)


@contextmanager
def beside_the_database() -> Iterator[psycopg.Connection]:
    """Another database of the same server, from where connections to the test's can be cut and refused."""
    ours = database.get_connection_params()
    wanted = {key: ours[key] for key in ("host", "port", "user", "password") if ours.get(key)}
    with psycopg.connect(**wanted, dbname="postgres", autocommit=True) as beside:
        yield beside


def cut(beside: psycopg.Connection) -> None:
    """End all connections to the test's database but the test's own."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (ours,) = cursor.fetchone()
    beside.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
        [database.settings_dict["NAME"], ours],
    )


def test_a_worker_whose_connections_are_cut_goes_on_or_ends_but_never_by_half(start_worker):
    worker = start_worker("--hurry")
    eventually(worker.is_at_work)

    with beside_the_database() as beside:
        cut(beside)
    time.sleep(3)  # more than it takes to notice
    jobs = [
        app.configure_task(QUICK, queueing_lock="of its own").defer(timestamp=0),
        app.configure_task("records.tasks.pull", queue="pulls").defer(pull_id="of nobody", patient_id="nobody"),
    ]

    workers = [worker]

    def are_done() -> bool:
        if not workers[-1].is_running():
            assert workers[-1].ended() == 1
            workers.append(start_worker("--hurry"))
        return ProcrastinateJob.objects.filter(pk__in=jobs, status="succeeded").count() == len(jobs)

    eventually(are_done)


def test_a_worker_that_loses_the_database_ends_as_a_whole_and_says_so(start_worker):
    worker = start_worker("--hurry")
    eventually(worker.is_at_work)
    database.ensure_connection()

    with beside_the_database() as beside:
        beside.execute(f'ALTER DATABASE "{database.settings_dict["NAME"]}" ALLOW_CONNECTIONS false')
        try:
            cut(beside)
            assert worker.ended(within=60) == 1
        finally:
            beside.execute(f'ALTER DATABASE "{database.settings_dict["NAME"]}" ALLOW_CONNECTIONS true')

    assert ENDED in worker.output
