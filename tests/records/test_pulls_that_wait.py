"""Portals that want to be left alone, fail or are gone; and workers that die in the middle."""

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from records import patience, progress, pulling, scheduling
from records.models import Pause, Pull, PullStatus, PullStep, StepStatus
from records.verdicts import Verdict
from tests.patients.connected import connect_at
from tests.records.charts import always, first
from tests.records.pulled import (
    go_on,
    jobs,
    let_time_pass,
    open_pull,
    step_of,
    steps,
    stored,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_short_wait_is_waited_for(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Observation"] = first(2, always(429, Retry_After="1"))
    started = timezone.now()

    pull = go_on(connection)

    assert pull.status == PullStatus.COMPLETED
    assert step_of(pull, "Observation").status == StepStatus.DONE
    assert timezone.now() - started > timedelta(seconds=2)


def test_a_long_wait_puts_this_pull_and_all_of_the_source_to_sleep(connection, chart, charted, api, browser):
    chart.faults["Condition"] = first(1, always(429, Retry_After="600"))
    other = connect_at(api, browser, charted[0], connection.source, patient_id="p-2")

    pull = go_on(connection)

    now = timezone.now()
    assert pull.status == PullStatus.WAITING
    assert timedelta(seconds=590) < pull.wake_at - now < timedelta(seconds=601)
    assert pull.problem == "The portal asked us to slow down, again and again; we ask again."
    asked = len(chart.asked)
    assert go_on(other).wake_at == Pause.objects.get().until
    assert len(chart.asked) == asked
    [job] = [job for job in jobs() if job.args["pull_id"] == pull.pk]
    assert job.scheduled_at == pull.wake_at
    Pause.objects.all().delete()
    PullStep.objects.update(retry_at=now)
    Pull.objects.update(wake_at=now)
    assert go_on(connection).status == PullStatus.COMPLETED


def test_a_type_whose_server_fails_is_tried_later_and_the_others_now(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Condition"] = first(1, always(500))

    pull = go_on(connection)

    assert pull.status == PullStatus.WAITING
    assert "Observation/o1" in stored(connection)
    condition = step_of(pull, "Condition")
    assert condition.failures == 1
    assert pull.wake_at == condition.retry_at


def test_a_type_whose_server_fails_again_and_again_is_given_up(connection, chart):
    chart.faults["Condition"] = always(503)
    for _ in range(len(patience.WAITS)):
        assert go_on(connection).status == PullStatus.WAITING
        let_time_pass(connection)

    pull = go_on(connection)

    assert pull.status == PullStatus.COMPLETED
    assert step_of(pull, "Condition").verdict == Verdict.PORTAL_FAILED
    assert chart.paths().count("Condition") == len(patience.WAITS) + 1


def test_a_portal_that_is_gone_is_waited_for_and_then_given_up(connection, chart, charted):
    charted[0].stop()
    for _ in range(len(patience.WAITS)):
        pull = go_on(connection)
        assert (pull.status, pull.problem) == (PullStatus.WAITING, "The portal did not answer; we ask again.")
        let_time_pass(connection)

    pull = go_on(connection)

    assert pull.status == PullStatus.FAILED
    assert pull.problem == "Nothing could be read: the portal did not answer."
    assert {step.verdict for step in steps(pull).values()} == {Verdict.UNREACHABLE}


def test_of_two_workers_at_once_one_does_the_work(connection, chart):
    chart.add("Observation", *(f"o{n}" for n in range(20)))
    pull, start = open_pull(connection), threading.Barrier(2)

    def work():
        start.wait(timeout=30)
        pulling.go_on(pull.pk, timezone.now())
        database.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert Pull.objects.get().status == PullStatus.COMPLETED
    assert len(chart.searches("Observation")) == 1
    assert Pull.objects.get().received == 21


def test_what_a_dead_worker_left_is_gone_on_with_from_its_page(connection, chart):
    chart.add("Observation", *(f"o{n}" for n in range(9)))

    pull = open_pull(connection)
    _die_after(connection, chart, pages=2)
    asked = len(chart.asked)

    now = timezone.now()
    pulling.go_on(pull.pk, now)
    assert len(chart.asked) == asked  # it may be alive still

    assert scheduling.wake_overdue(now + progress.LEASE + scheduling.OVERDUE) == 1
    pull = go_on(connection, now=now + progress.LEASE)

    assert pull.status == PullStatus.COMPLETED
    assert pull.received == 10
    assert len(chart.searches("Observation")) == 1


def test_a_worker_that_was_only_slow_writes_nothing_more(connection, chart):
    chart.add("Observation", "o1", "o2", "o3")
    pull = progress.claim(open_pull(connection).pk, timezone.now())
    other = progress.claim(pull.pk, timezone.now() + progress.LEASE)

    assert other.turn == pull.turn + 1
    with pytest.raises(progress.TakenOver), progress.advancing(pull, timezone.now()):
        pass
    with pytest.raises(progress.TakenOver):
        progress.sleep(pull, timezone.now(), "")


def test_after_a_while_others_have_their_turn(connection, chart, monkeypatch):
    monkeypatch.setattr(pulling, "SLICE_SECONDS", -1)

    pull = go_on(connection)

    assert pull.status == PullStatus.WAITING
    assert pull.wake_at <= timezone.now()
    assert [job.args["pull_id"] for job in jobs()] == [pull.pk]
    monkeypatch.undo()
    assert go_on(connection).status == PullStatus.COMPLETED


def test_a_fault_of_ours_is_tried_again_and_after_a_day_given_up(connection, monkeypatch, caplog):
    secret = f"Maria has {6 * 7} coughs"

    def break_off(*args):
        raise RuntimeError(secret)

    monkeypatch.setattr(pulling, "_read", break_off)

    pull = go_on(connection)

    assert pull.problem == "Something broke on our side. It is logged, and tried again."
    assert pull.status == PullStatus.WAITING
    assert "pull broke off with RuntimeError" in caplog.text
    assert "break_off" in caplog.text
    assert secret not in caplog.text
    long_ago = timezone.now() - pulling.MENDED_WITHIN
    Pull.objects.update(wake_at=timezone.now(), requested_at=long_ago)
    pull = go_on(connection)
    assert (pull.status, pull.problem) == (PullStatus.FAILED, "Nothing could be read: something broke on our side.")


def test_only_so_many_ask_one_source_at_once_and_who_leaves_wakes_the_next(connection, charted, api, browser):
    others = [connect_at(api, browser, charted[0], connection.source, patient_id=f"p-{n}") for n in range(2, 6)]
    now = timezone.now()
    running = [progress.claim(open_pull(each).pk, now) for each in [connection, *others[:3]]]
    assert all(running)
    last = open_pull(others[3])

    pulling.go_on(last.pk, now)

    assert open_pull(others[3]).status == PullStatus.WAITING
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    progress.sleep(running[0], now + timedelta(hours=1), "")
    progress.wake_next(connection.source_id, now)
    assert [job.args["pull_id"] for job in jobs() if job.scheduled_at <= now] == [last.pk]
    assert go_on(others[3]).status == PullStatus.COMPLETED


def _die_after(connection, chart, *, pages: int) -> None:
    """A worker that gets so many pages of observations and is then no more, as `kill -9` has it."""
    kept = [0]
    keep = progress.keep_page

    def keep_and_die(pull, step, page, now):
        keep(pull, step, page, now)
        if step.resource_type == "Observation":
            kept[0] += 1
            if kept[0] == pages:
                raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "keep_page", keep_and_die)
        with pytest.raises(SystemExit):
            pulling.go_on(open_pull(connection).pk, timezone.now())
