"""What odd portals, idle workers and unlucky moments do to pulls. Each test once found a defect."""

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
from records.models import Pause, Pull, PullKind, PullStatus, PullStep, Record
from records.operations import pull_after_sign_in, request_pull
from records.plans import TYPES
from tests.patients.connected import connect_at
from tests.portals import Choices
from tests.portals.listener import Answer
from tests.records.charts import after, always
from tests.records.pulled import again, chart_at, go_on, jobs, let_time_pass, open_pull, stored
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


def take_jobs() -> list[str]:
    """Take the pulls whose job is due from the queue, in the order in which workers get them."""
    with database.cursor() as cursor:
        cursor.execute(
            "WITH taken AS (DELETE FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'records.tasks.pull'"
            " AND scheduled_at <= now() RETURNING id, args ->> 'pull_id' AS pull) SELECT pull FROM taken ORDER BY id"
        )
        return [pull for (pull,) in cursor.fetchall()]


def html(request) -> Answer:
    return Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})


# --- Somebody else's data ---


def test_resources_about_another_patient_are_not_kept(connection, chart):
    chart.add("Observation", "mine", subject={"reference": f"Patient/{chart.patient}"})
    chart.add("Observation", "theirs", subject={"reference": "Patient/somebody-else"})
    chart.bodies["Condition"] = [json.dumps({"resourceType": "Patient", "id": "somebody-else"})]

    go_on(connection)

    assert stored(connection) == [f"Patient/{chart.patient}", "Observation/mine"]


# --- One part spoils the others, or is missed without a word ---


@pytest.mark.parametrize("fault", [always(408), always(429)], ids=["no answer", "slow down"])
def test_a_type_whose_question_is_never_answered_keeps_nobody_from_asking_the_others(connection, chart, fault):
    chart.add("Observation", "o1")
    chart.faults["Condition"] = fault

    pull = until_it_ends(connection)

    assert "Observation/o1" in stored(connection)
    assert pull.status == PullStatus.COMPLETED


def test_a_question_of_one_patient_that_is_not_answered_keeps_no_other_patient_waiting(charted, api, browser):
    portal, chart, connection = charted
    other = connect_at(api, browser, portal, connection.source, patient_id="p-2")
    chart.faults["Condition"] = always(408)
    go_on(connection)
    chart.faults.clear()

    assert go_on(other).status == PullStatus.COMPLETED


def test_a_portal_that_refuses_every_question_ends_in_a_failed_pull(connection, chart):
    chart.faults |= dict.fromkeys(TYPES, html)

    pull = until_it_ends(connection)

    assert stored(connection) == []
    assert pull.status == PullStatus.FAILED
    assert again(connection).last_synced_at is None


@pytest.mark.parametrize("status", [404, 410, 400])
def test_a_next_page_that_the_portal_has_forgotten_is_not_taken_for_the_end(connection, chart, status):
    chart.add("Observation", "o1", "o2", "o3", "o4", "o5")
    chart.faults["Observation"] = after(1, always(status))

    assert until_it_ends(connection).faults > 0


def test_references_are_read_on_as_long_as_some_of_them_lead_somewhere(connection, chart):
    performers = [{"reference": f"Practitioner/p{number:02}"} for number in range(1, 13)]
    chart.add("Observation", "o1", performer=performers)
    chart.add("Practitioner", *(f"p{number:02}" for number in range(2, 13, 2)))

    until_it_ends(connection)

    assert "Practitioner/p12" in stored(connection)


def test_a_portal_that_wants_a_second_again_and_again_gets_more_than_some_seconds(connection, chart, monkeypatch):
    monkeypatch.setattr(pulling.time, "sleep", lambda seconds: None)
    chart.faults["Condition"] = always(429, Retry_After="1")

    assert go_on(connection).is_open


# --- Access ---


def test_access_for_one_time_survives_a_portal_that_says_401_of_one_type(api, browser):
    with chart_at(api, browser, Choices(refresh_token=False)) as (_, chart, connection):
        chart.add("Observation", "o1")
        chart.faults["Condition"] = always(401)

        until_it_ends(connection)

        assert again(connection).status == ConnectionStatus.ACTIVE
        assert "Observation/o1" in stored(connection)


def test_some_types_that_the_portal_answers_with_401_keep_nobody_from_asking_the_others(api, browser):
    with chart_at(api, browser, Choices(metadata_fault="not_found")) as (_, chart, connection):
        chart.add("Condition", "c1")
        chart.add("Observation", "o1")
        chart.faults |= dict.fromkeys(["CarePlan", "Device", "Goal"], always(401))

        until_it_ends(connection)

        assert {"Condition/c1", "Observation/o1"} <= set(stored(connection))


def test_signing_in_again_with_wider_access_brings_what_it_covers_although_a_pull_is_open(api, browser):
    narrow = Choices(scopes_answered=("launch/patient", "offline_access", "patient/Patient.rs"))
    with chart_at(api, browser, narrow) as (_, chart, connection):
        chart.add("Observation", "o1")
        chart.faults["Patient"] = always(503)
        assert go_on(connection).is_open
        chart.faults.clear()

        Connection.objects.update(scopes=["launch/patient", "patient/*.rs"])
        with holding(connection.patient_id):
            pull_after_sign_in(again(connection), timezone.now())
        until_it_ends(connection)

        assert "Observation/o1" in stored(connection)


def test_signing_in_again_while_a_pull_is_being_given_up_brings_the_records(charted, api, browser, monkeypatch):
    portal, _, connection = charted
    Connection.objects.update(status="disconnected", access_token=None, refresh_token=None)
    give_up = pulling._give_up

    def give_up_too_late(*arguments):
        connect_at(api, browser, portal, connection.source)
        give_up(*arguments)

    monkeypatch.setattr(pulling, "_give_up", give_up_too_late)
    go_on(connection)

    assert again(connection).status == ConnectionStatus.ACTIVE
    assert connection.pulls.exclude(wake_at=None).exists()


# --- Pulls that never end, or never begin ---


def test_a_pull_whose_access_is_never_renewed_ends_some_day(api, browser):
    no_client = Choices(token_fault="error_401", token_fault_on="refresh", token_error="invalid_client")
    with chart_at(api, browser, no_client) as (_, _, connection):
        long_ago = timezone.now() - timedelta(days=60)
        Pull.objects.update(requested_at=long_ago)
        for _ in range(8):
            Connection.objects.update(access_expires_at=long_ago, refresh_due_at=long_ago)
            if not go_on(connection).is_open:
                break
            let_time_pass(connection)

        assert Event.objects.filter(type="records.sync.failed").exists()


def test_no_pull_waits_for_ever_behind_the_pauses_of_others(connection):
    Pull.objects.update(requested_at=timezone.now() - timedelta(days=60))
    Pause.objects.create(source=connection.source, until=timezone.now() + timedelta(hours=1))

    assert not go_on(connection).is_open


# --- Turns ---


def test_who_waits_has_a_turn_before_one_who_had_theirs(charted, api, browser, monkeypatch):
    monkeypatch.setattr(progress, "AT_ONCE_PER_SOURCE", 1)
    portal, _, connection = charted
    short = open_pull(connect_at(api, browser, portal, connection.source, patient_id="p-2"))
    long = progress.claim(open_pull(connection).pk, timezone.now())
    assert progress.claim(short.pk, timezone.now()) is None
    take_jobs()

    while not Pull.objects.get(pk=short.pk).turn and long.turn < 5:
        progress.sleep(long, timezone.now(), "Others have their turn.")
        for pull_id in take_jobs():
            long = progress.claim(pull_id, timezone.now()) or long
        progress.wake_next(connection.source_id, timezone.now())
        for pull_id in take_jobs():
            progress.claim(pull_id, timezone.now())

    assert Pull.objects.get(pk=short.pk).turn > 0


def test_pull_now_does_not_send_a_pull_that_waits_to_the_end_of_the_line(connection):
    came_at = timezone.now() - timedelta(minutes=10)
    Pull.objects.update(wake_at=came_at)

    with holding(connection.patient_id):
        request_pull(connection, PullKind.MANUAL, timezone.now())

    assert open_pull(connection).wake_at == came_at


def test_as_many_are_woken_as_there_is_room(charted, api, browser):
    portal, _, connection = charted
    others = [connect_at(api, browser, portal, connection.source, patient_id=f"p-{n}") for n in range(2, 9)]
    now = timezone.now()
    running = [progress.claim(open_pull(each).pk, now) for each in [connection, *others][:4]]
    take_jobs()

    for each in running:
        progress.sleep(each, now + timedelta(hours=1), "")
        progress.wake_next(connection.source_id, now)

    assert len([job for job in jobs() if job.scheduled_at <= now]) == 4


def test_many_who_wait_for_one_source_do_not_hide_a_dead_worker_at_another(organization):
    now = timezone.now()
    busy = connection_of(create_patient(organization=organization, reference="p-1"))
    charts = [
        Connection(patient=busy.patient, source=busy.source, flow_id="f", status="active", access_token="a",
                   fhir_patient_id=f"chart-of-{number}")
        for number in range(scheduling.AT_ONCE)
    ]  # fmt: skip
    Connection.objects.bulk_create(charts)
    due = {"kind": "first", "requested_at": now}
    Pull.objects.bulk_create(
        Pull(connection=each, source=busy.source, wake_at=now - timedelta(hours=1), **due) for each in charts
    )
    other = connection_of(create_patient(organization=organization, reference="p-2"))
    died_at = now - timedelta(minutes=10)
    dead = Pull.objects.create(connection=other, source=other.source, status="running", wake_at=died_at, **due)

    scheduling.wake_overdue(now)

    assert dead.pk in {job.args["pull_id"] for job in jobs()}


# --- What is stored, and read ---


def test_a_short_text_does_not_become_a_long_one(connection, chart):
    numbers = ",".join(["1e99"] * 50_000)
    chart.bodies["Observation"] = [f'{{"resourceType": "Observation", "id": "o1", "x": [{numbers}]}}']

    go_on(connection)

    with database.cursor() as cursor:
        cursor.execute("SELECT max(octet_length(body::text)) FROM records_record")
        assert cursor.fetchone()[0] < 10 * len(numbers)


def test_an_app_that_asks_for_what_changed_since_it_last_asked_misses_nothing(connection, monkeypatch):
    PullStep.objects.create(pull=open_pull(connection), position=0, resource_type="Patient")
    came = threading.Event()
    keep_page = progress.keep_page

    def note_and_keep(*arguments):
        came.set()
        keep_page(*arguments)

    def pull():
        go_on(connection)
        database.close()

    monkeypatch.setattr(progress, "keep_page", note_and_keep)
    puller = threading.Thread(target=pull)
    with holding(connection.patient_id):  # somebody else writes about the patient
        puller.start()
        assert came.wait(timeout=10)
        time.sleep(0.2)
        asked_at = timezone.now()
        assert not Record.objects.exists()
    puller.join(timeout=30)

    assert Record.objects.filter(updated_at__gte=asked_at).exists()


@pytest.mark.parametrize("zone", ["+15:59", "+16:00", "-16:00", "+23:59"])
def test_a_moment_in_any_zone_is_taken_or_refused(api, access, zone):
    assert api.get("/patients/p-1/records", {"since": f"2026-01-01T00:00:00{zone}"}).status in (200, 400)
