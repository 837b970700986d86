"""What a hostile or merely odd portal, an impatient worker and unlucky moments do to pulls and records."""

import json
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from patients.holding import holding
from patients.models import Connection, ConnectionStatus
from patients.operations import create_patient
from records import progress, pulling, scheduling
from records.models import Pull, PullStatus
from tests.patients.connected import connect_at
from tests.portals import Choices
from tests.portals.listener import Answer
from tests.records.charts import after, always
from tests.records.pulled import chart_at, go_on, jobs, let_time_pass, open_pull, stored
from tests.records.stored import connection_of
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def until_it_ends(connection: Connection, rounds: int = 30) -> Pull:
    """Go on with the open pull, each time as if what it waits for had passed."""
    for _ in range(rounds):
        pull = go_on(connection)
        if not pull.is_open:
            return pull
        let_time_pass(connection)
    return pull


# --- One type spoils the others ---


@pytest.mark.parametrize("fault", [always(408), always(429)], ids=["no answer", "slow down"])
def test_a_type_whose_question_is_never_answered_keeps_nobody_from_asking_the_others(connection, chart, fault):
    chart.add("Observation", "o1")
    chart.faults["Condition"] = fault

    pull = until_it_ends(connection)

    assert "Observation/o1" in stored(connection)
    assert pull.status == PullStatus.COMPLETED


def test_a_portal_that_refuses_every_question_ends_in_a_failed_pull(connection, chart):
    for kind in ("Patient", *{str(name) for name in __import__("records.plans", fromlist=["TYPES"]).TYPES}):
        chart.faults[kind] = lambda request: Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})

    pull = until_it_ends(connection)

    assert stored(connection) == []
    assert pull.status == PullStatus.FAILED


@pytest.mark.parametrize("status", [404, 410, 400])
def test_a_next_page_that_the_portal_has_forgotten_is_not_taken_for_the_end(connection, chart, status):
    chart.add("Observation", "o1", "o2", "o3", "o4", "o5")
    chart.faults["Observation"] = after(1, always(status))

    pull = until_it_ends(connection)

    assert pull.faults > 0


def test_a_question_of_one_patient_that_is_not_answered_keeps_no_other_patient_waiting(
    connection, chart, charted, api, browser
):
    other = connect_at(api, browser, charted[0], connection.source, patient_id="p-2")
    chart.faults["Condition"] = always(408)
    go_on(connection)
    let_time_pass(connection)
    go_on(connection)
    chart.faults.clear()

    assert go_on(other).status == PullStatus.COMPLETED


# --- Access ---


def test_access_for_one_time_survives_a_portal_that_says_401_of_one_type(leave_no_jobs, api, browser):
    with chart_at(api, browser, Choices(refresh_token=False)) as (_, chart, connection):
        chart.add("Observation", "o1")
        chart.faults["Condition"] = always(401)

        pull = until_it_ends(connection)

        assert Connection.objects.get(pk=connection.pk).status == ConnectionStatus.ACTIVE
        assert "Observation/o1" in stored(connection)
        assert pull.status == PullStatus.COMPLETED


def test_signing_in_again_with_wider_access_brings_what_it_covers_although_a_pull_is_open(leave_no_jobs, api, browser):
    narrow = Choices(
        refresh_answer="rotated", scopes_answered=("launch/patient", "offline_access", "patient/Patient.rs")
    )
    with chart_at(api, browser, narrow) as (portal, chart, connection):
        chart.add("Observation", "o1")
        chart.faults["Patient"] = always(503)
        assert go_on(connection).status == PullStatus.WAITING
        chart.faults.clear()
        portal.choices = portal._authorization.choices = narrow
        Connection.objects.filter(pk=connection.pk).update(scopes=["launch/patient", "patient/*.rs"])
        from patients.holding import holding
        from records.operations import pull_after_sign_in

        with holding(connection.patient_id):
            pull_after_sign_in(Connection.objects.get(pk=connection.pk), timezone.now())
        until_it_ends(connection)
        assert "Observation/o1" in stored(connection)


def test_a_pull_whose_access_is_never_renewed_ends_some_day(leave_no_jobs, api, browser):
    stuck = Choices(
        refresh_answer="rotated", token_fault="error_401", token_fault_on="refresh", token_error="invalid_client"
    )
    with chart_at(api, browser, stuck) as (_, _, connection):
        long_ago = timezone.now() - timedelta(days=60)
        Pull.objects.update(requested_at=long_ago)
        for _ in range(12):
            Connection.objects.update(access_expires_at=long_ago, refresh_due_at=long_ago)
            pull = go_on(connection)
            if not pull.is_open:
                break
            let_time_pass(connection)

        assert not pull.is_open
        assert Event.objects.filter(type="records.sync.failed").exists()


# --- Somebody else's data ---


def test_resources_about_another_patient_are_not_kept(connection, chart):
    chart.add("Observation", "mine", subject={"reference": f"Patient/{chart.patient}"})
    chart.add("Observation", "theirs", subject={"reference": "Patient/somebody-else"})
    chart.bodies["Condition"] = [
        json.dumps({"resourceType": "Patient", "id": "somebody-else", "name": [{"family": "X"}]})
    ]

    go_on(connection)

    assert "Observation/theirs" not in stored(connection)
    assert "Patient/somebody-else" not in stored(connection)


# --- Turns ---


def _by_hand(monkeypatch_ids: list[str]) -> str | None:
    """Take the first job that is due, as a worker with room does, and do it."""
    with database.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs WHERE status = 'todo'"
            " AND task_name = 'records.tasks.pull' AND (scheduled_at IS NULL OR scheduled_at <= now())"
            " ORDER BY priority DESC, id LIMIT 1) RETURNING args ->> 'pull_id'"
        )
        found = cursor.fetchone()
    if not found:
        return None
    pulling.go_on(found[0], timezone.now())
    return found[0]


def test_who_had_a_turn_lets_those_who_wait_go_first(connection, chart, charted, api, browser, monkeypatch):
    monkeypatch.setattr(progress, "AT_ONCE_PER_SOURCE", 1)
    other = connect_at(api, browser, charted[0], connection.source, patient_id="p-2")
    chart.add("Observation", *(f"o{n}" for n in range(40)))
    long, short = open_pull(connection), open_pull(other)
    # The long one is at it; the short one comes, finds no room, and its job is used up.
    running = progress.claim(long.pk, timezone.now())
    pulling.go_on(short.pk, timezone.now())
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    progress.sleep(running, timezone.now(), "Others have their turn.")
    progress.wake_next(running.source_id, timezone.now())

    monkeypatch.setattr(pulling, "SLICE_SECONDS", 0.0)
    done = [_by_hand([]) for _ in range(6)]

    assert Pull.objects.get(pk=short.pk).turn > 0, done


def test_many_who_wait_for_one_source_do_not_hide_a_dead_worker_at_another(organization):
    now = timezone.now()
    busy = connection_of(create_patient(organization=organization, reference="p-0"))
    waiting = []
    for number in range(scheduling.AT_ONCE + 1):
        each = Connection(
            patient=busy.patient,
            source=busy.source,
            flow_id="f",
            status="active",
            access_token="a",
            fhir_patient_id=f"chart-{number}x",
        )
        waiting.append(each)
    Connection.objects.bulk_create(waiting)
    Pull.objects.bulk_create(
        Pull(connection=each, source=busy.source, kind="first", requested_at=now, wake_at=now - timedelta(hours=1))
        for each in waiting
    )
    elsewhere = connection_of(create_patient(organization=organization, reference="p-1"))
    dead = Pull.objects.create(
        connection=elsewhere, source=elsewhere.source, kind="first", requested_at=now,
        status="running", wake_at=now - timedelta(minutes=10),
    )  # fmt: skip

    for _ in range(3):
        scheduling.wake_overdue(now)
    try:
        assert dead.pk in {job.args["pull_id"] for job in jobs()}
    finally:
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")


def test_as_many_are_woken_as_there_is_room(connection, charted, api, browser):
    others = [connect_at(api, browser, charted[0], connection.source, patient_id=f"p-{n}") for n in range(2, 9)]
    now = timezone.now()
    everybody = [connection, *others]
    running = [progress.claim(open_pull(each).pk, now) for each in everybody[:4]]
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")

    for each in running:  # all leave at about the same time, before anybody has come
        progress.sleep(each, now + timedelta(hours=1), "")
        progress.wake_next(connection.source_id, now)

    assert len([job for job in jobs() if job.scheduled_at <= now]) == 4


def test_a_portal_that_wants_a_second_again_and_again_gets_more_than_some_seconds(connection, chart, monkeypatch):
    slept = []
    monkeypatch.setattr(pulling.time, "sleep", slept.append)
    chart.faults["Condition"] = always(429, Retry_After="1")

    pull = go_on(connection)

    assert pull.is_open, (pull.problem, slept)


# --- Connections from before ---


def test_active_connections_from_before_there_were_pulls_are_pulled(access):
    assert access.pull_due_at is None

    try:
        assert scheduling.request_due(timezone.now()) == 1
    finally:
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")


# --- Fidelity ---


def test_a_short_text_does_not_become_a_long_one(connection, chart):
    numbers = ",".join(["1e99"] * 100_000)
    chart.bodies["Observation"] = [f'{{"resourceType": "Observation", "id": "bomb", "x": [{numbers}]}}']

    go_on(connection)

    with database.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(octet_length(body::text)), 0) FROM records_record")
        assert cursor.fetchone()[0] < 3 * len(numbers)


# --- Unlucky moments ---


def test_the_patient_who_waits_has_a_turn_before_one_who_had_theirs_even_where_workers_are_idle(
    connection, charted, api, browser, monkeypatch
):
    monkeypatch.setattr(progress, "AT_ONCE_PER_SOURCE", 1)
    other = connect_at(api, browser, charted[0], connection.source, patient_id="p-2")
    long = progress.claim(open_pull(connection).pk, timezone.now())
    short = open_pull(other)
    assert progress.claim(short.pk, timezone.now()) is None
    take_jobs()

    for _ in range(5):
        progress.sleep(long, timezone.now(), "Others have their turn.")
        # An idle worker takes what is announced, before the one who leaves has woken anybody up.
        for pull_id in take_jobs():
            long = progress.claim(pull_id, timezone.now()) or long
        progress.wake_next(connection.source_id, timezone.now())
        for pull_id in take_jobs():
            progress.claim(pull_id, timezone.now())

    assert Pull.objects.get(pk=short.pk).turn > 0


def test_signing_in_again_while_a_pull_is_being_given_up_brings_the_records(
    connection, charted, api, browser, monkeypatch
):
    _, chart, _ = charted
    chart.add("Observation", "o1")
    give_up = pulling._give_up
    Connection.objects.update(status="disconnected", access_token=None, refresh_token=None)

    def sign_in_first(pull, given_up):
        connect_at(api, browser, charted[0], connection.source)
        give_up(pull, given_up)

    monkeypatch.setattr(pulling, "_give_up", sign_in_first)
    go_on(connection)
    monkeypatch.undo()

    assert Connection.objects.get(pk=connection.pk).status == ConnectionStatus.ACTIVE
    assert connection.pulls.exclude(wake_at=None).exists()


def test_an_app_that_asks_for_what_changed_since_it_last_asked_misses_nothing(connection, chart):
    patient_held, read = threading.Event(), threading.Event()

    def hold():
        with holding(connection.patient_id):
            patient_held.set()
            read.wait(timeout=10)
        database.close()

    def pull():
        go_on(connection)
        database.close()

    plan = open_pull(connection)
    holder, puller = threading.Thread(target=hold), threading.Thread(target=pull)
    go = progress.keep_page
    asked = threading.Event()

    def keep_page(*arguments):
        asked.set()
        go(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "keep_page", keep_page)
        plan_it(plan, connection)
        holder.start()
        patient_held.wait(timeout=10)
        puller.start()
        asked.wait(timeout=10)
        time.sleep(0.2)  # the page waits for the patient, who is held
        app_asked_at = timezone.now()
        assert not Record.objects.exists()
        read.set()
        holder.join(10)
        puller.join(30)

    assert Record.objects.filter(updated_at__gte=app_asked_at).count() == Record.objects.count() > 0


def plan_it(pull: Pull, connection: Connection) -> None:
    """Its steps, so that the first thing to be written is a page."""
    PullStep.objects.create(pull=pull, position=0, resource_type="Patient")


def test_a_moment_in_any_zone_is_taken_or_refused(api, access):
    for zone in ("%2B15:59", "%2B16:00", "-16:00", "%2B23:59"):
        answer = api.get(f"/patients/p-1/records?since=2026-01-01T00:00:00{zone}")
        assert answer.status in (200, 400), zone


def test_no_pull_waits_for_ever_behind_the_pauses_of_others(connection):
    Pull.objects.update(requested_at=timezone.now() - timedelta(days=60))
    Pause.objects.create(source=connection.source, until=timezone.now() + timedelta(hours=1))

    assert not go_on(connection).is_open


def take_jobs() -> list[str]:
    """Take the pulls whose job is due from the queue, in the order in which workers get them."""
    with database.cursor() as cursor:
        cursor.execute(
            "WITH taken AS (DELETE FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'records.tasks.pull'"
            " AND scheduled_at <= now() RETURNING id, args ->> 'pull_id' AS pull) SELECT pull FROM taken ORDER BY id"
        )
        return [pull for (pull,) in cursor.fetchall()]
