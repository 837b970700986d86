"""Records arrive, whatever the portal does; each part of a pull ends in a verdict."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from patients.erasure import erase_patient
from patients.holding import holding
from patients.models import Connection, Renewal
from patients.operations import disconnect
from records import progress, pulling, scheduling
from records.models import Pause, Pull, PullKind, PullStatus, PullStep, Record, Reference, StepStatus
from records.operations import request_pull
from records.verdicts import Verdict
from tests.journey.patient import PatientBrowser
from tests.patients.connected import connect_at
from tests.portals import Choices
from tests.portals.listener import Answer
from tests.records.charts import FHIR, after, always, first, outcome
from tests.records.pulled import (
    chart_at,
    go_on,
    jobs,
    open_pull,
    pull_again,
    steps,
    stored,
    versions,
)
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _leave_no_jobs(db):
    yield
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_periodic_defers; DELETE FROM procrastinate_jobs")


@pytest.fixture
def browser() -> PatientBrowser:
    return PatientBrowser()


@pytest.fixture
def charted(api, browser):
    with chart_at(api, browser) as (portal, chart, connection):
        yield portal, chart, connection
        assert portal.violations == []


@pytest.fixture
def chart(charted):
    return charted[1]


@pytest.fixture
def connection(charted) -> Connection:
    return charted[2]


def again(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def step_of(pull: Pull, name: str) -> PullStep:
    return steps(pull)[name]


# --- What goes well ---


def test_a_sign_in_starts_a_pull_with_its_job(connection):
    pull = open_pull(connection)

    assert (pull.kind, pull.status) == (PullKind.FIRST, PullStatus.WAITING)
    assert [job.args for job in jobs()] == [{"pull_id": pull.pk, "patient_id": connection.patient_id}]


def test_everything_the_portal_has_arrives_page_by_page(connection, chart):
    chart.add("Observation", "o1", "o2", "o3", "o4", "o5")
    chart.add("Condition", "c1")

    pull = go_on(connection)

    assert pull.status == PullStatus.COMPLETED
    assert stored(connection) == [
        f"Patient/{chart.patient}", "Condition/c1", *(f"Observation/o{n}" for n in range(1, 6)),
    ]  # fmt: skip
    assert (pull.received, pull.added, pull.changed, pull.faults) == (7, 7, 0, 0)
    observations = step_of(pull, "Observation")
    assert (observations.status, observations.pages, observations.received) == (StepStatus.DONE, 3, 5)
    assert observations.next_url == ""
    after_it = again(connection)
    assert after_it.records_count == 7
    assert after_it.last_synced_at == pull.ended_at
    assert timedelta(hours=20) < after_it.pull_due_at - timezone.now() < timedelta(hours=28)


def test_decimals_keep_their_digits(connection, chart):
    chart.bodies["Observation"] = ['{"resourceType": "Observation", "id": "o1", "valueQuantity": {"value": 1.00}}']

    go_on(connection)

    with database.cursor() as cursor:
        cursor.execute("SELECT body #>> '{valueQuantity,value}' FROM records_record WHERE resource_id = 'o1'")
        assert cursor.fetchone() == ("1.00",)


def test_a_second_pull_of_the_same_writes_no_record(connection, chart):
    chart.add("Observation", "o1", "o2", "o3")
    go_on(connection)
    before = versions(connection)

    pull = pull_again(connection)

    assert versions(connection) == before
    assert (pull.received, pull.added, pull.changed) == (4, 0, 0)


def test_what_changed_is_written_and_nothing_else(connection, chart):
    chart.add("Observation", "o1", "o2", status="preliminary")
    go_on(connection)
    before = versions(connection)
    chart.bodies["Observation"][1] = json.dumps({"resourceType": "Observation", "id": "o2", "status": "final"})

    pull = pull_again(connection)

    changed = Record.objects.get(resource_id="o2")
    assert changed.body["status"] == "final"
    assert changed.updated_at > changed.created_at
    assert {pk for pk, version in versions(connection).items() if version != before[pk]} == {changed.pk}
    assert (pull.added, pull.changed) == (0, 1)


def test_the_app_is_told_once_with_totals(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Condition"] = always(403)

    pull = go_on(connection)
    pulling.go_on(pull.pk, timezone.now())

    [event] = Event.objects.filter(type="records.sync.completed")
    assert event.object.pop("duration_ms") >= 0
    assert event.object == {
        "resource_type": "records_sync",
        "patient_id": "p-1",
        "connection_id": connection.source_id,
        "total": 2,
        "errors": 1,
    }


def test_a_scheduled_pull_asks_only_for_what_changed(connection, chart):
    chart.add("Observation", "o1", meta={"lastUpdated": "2020-01-01T00:00:00Z"})
    begun = timezone.now()
    go_on(connection)
    assert "_lastUpdated" not in chart.searches("Observation")[0]
    chart.add("Observation", "o2", meta={"lastUpdated": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}"})

    pull = pull_again(connection, PullKind.SCHEDULED)

    since = chart.searches("Observation")[-1]["_lastUpdated"]
    assert since.startswith("ge")
    assert since < f"ge{begun:%Y-%m-%dT%H:%M:%SZ}"  # with an overlap: clocks differ
    assert not pull.is_whole
    assert step_of(pull, "Observation").received == 1
    assert Record.objects.filter(resource_id="o2").exists()


def test_everything_is_asked_again_once_a_week_and_by_hand(connection, chart):
    chart.add("Observation", "o1")
    go_on(connection)
    assert not pull_again(connection, PullKind.SCHEDULED).is_whole
    Pull.objects.filter(is_whole=True).update(ended_at=timezone.now() - timedelta(days=8))

    assert pull_again(connection, PullKind.SCHEDULED).is_whole
    assert pull_again(connection, PullKind.MANUAL).is_whole


def test_signing_in_again_keeps_the_connection_and_its_records(charted, api, browser):
    portal, chart, connection = charted
    chart.add("Observation", "o1")
    go_on(connection)
    disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())
    assert stored(connection) == [f"Patient/{chart.patient}", "Observation/o1"]

    renewed = connect_at(api, browser, portal, connection.source)

    assert renewed.pk == connection.pk
    assert open_pull(connection).kind == PullKind.RECONNECTED
    chart.add("Observation", "o2")
    assert go_on(connection).added == 1


def test_while_one_pull_is_open_there_is_no_second(connection):
    with holding(connection.patient_id):
        request_pull(connection, PullKind.MANUAL, timezone.now())

    assert connection.pulls.count() == 1
    assert len(jobs()) == 1


def test_each_further_page_costs_a_few_statements_whatever_is_there(connection, chart):
    chart.add("Observation", *(f"o{n}" for n in range(10)))
    go_on(connection)
    with CaptureQueriesContext(database) as few:
        pull_again(connection)
    chart.add("Observation", *(f"o{n}" for n in range(10, 50)))
    with CaptureQueriesContext(database) as many:
        pull_again(connection)

    assert (len(many) - len(few)) / 20 <= 9


# --- What the access covers, what the server has ---


def test_types_that_the_access_does_not_cover_are_not_asked(api, browser):
    choices = Choices(
        scopes_answered=("launch/patient", "offline_access", "patient/Patient.rs", "patient/Observation.r")
    )
    with chart_at(api, browser, choices) as (_, chart, connection):
        chart.add("Observation", "o1")
        pull = go_on(connection)

    assert set(steps(pull)) == {"Patient", "Observation"}
    skipped = pull.steps.filter(status=StepStatus.SKIPPED)
    assert set(skipped.values_list("verdict", flat=True)) == {Verdict.NOT_GRANTED}
    assert pull.faults == 0


# --- One type that does not come keeps no other from coming ---


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (always(403), Verdict.NOT_PERMITTED),
        (always(404), Verdict.NOT_SUPPORTED),
        (always(410), Verdict.GONE),
        (always(501), Verdict.NOT_SUPPORTED),
        (lambda request: Answer.html("<h1>Sign in</h1>"), Verdict.NOT_FHIR),
        (lambda request: outcome(200, "No."), Verdict.OUTCOME),
        (lambda request: Answer(200, b"{]", FHIR), Verdict.NOT_FHIR),
        (lambda request: Answer(200, b'{"resourceType": "Bundle"\xff}', FHIR), Verdict.NOT_FHIR),
        (lambda request: Answer.redirect("https://elsewhere.example/"), Verdict.ELSEWHERE),
    ],
)
def test_a_type_that_is_not_to_be_had_ends_in_a_verdict(connection, chart, fault, verdict):
    chart.add("Observation", "o1")
    chart.faults["Condition"] = fault

    pull = go_on(connection)

    condition = step_of(pull, "Condition")
    assert (condition.status, condition.verdict) == (StepStatus.FAILED, verdict)
    assert pull.status == PullStatus.COMPLETED
    assert "Observation/o1" in stored(connection)


def test_pages_that_came_before_stay(connection, chart):
    chart.add("Observation", "o1", "o2", "o3")
    chart.faults["Observation"] = after(1, always(403, "Not this page."))

    observations = step_of(go_on(connection), "Observation")

    assert (observations.status, observations.verdict) == (StepStatus.PARTLY, Verdict.NOT_PERMITTED)
    assert observations.portal_words == "Not this page."
    assert "Observation/o2" in stored(connection)


def test_resources_that_cannot_be_kept_are_counted_and_the_others_kept(connection, chart):
    chart.page_size = 10
    chart.add("Observation", "o1", note=[{"text": "a\x00b"}])
    chart.add("Observation", "o2")
    chart.bodies["Observation"] += [
        '{"resourceType": "Observation"}',
        '{"resourceType": "Observation", "id": "o3", "valueDecimal": 1e999999}',
        '{"resourceType": "Observation", "id": "o4", "note": [{"text": "\\ud83d"}]}',
        '{"resourceType": "Observation", "id": "o5"}',
    ]

    observations = step_of(go_on(connection), "Observation")

    assert [name for name in stored(connection) if "Observation" in name] == ["Observation/o2", "Observation/o5"]
    assert (observations.status, observations.verdict) == (StepStatus.PARTLY, Verdict.UNUSABLE)
    assert observations.unusable == 4


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_pages_that_lead_in_a_circle_are_noticed(connection, chart, length):
    def circle(request):
        here = int(request.query.get("_offset", 0))
        link = {"relation": "next", "url": f"{chart.base}/Observation?_offset={(here + 1) % length}"}
        entry = [{"resource": {"resourceType": "Observation", "id": f"o{here}"}}]
        return Answer.json({"resourceType": "Bundle", "type": "searchset", "link": [link], "entry": entry})

    chart.faults["Observation"] = circle

    observations = step_of(go_on(connection), "Observation")

    assert (observations.status, observations.verdict) == (StepStatus.PARTLY, Verdict.LOOP)
    assert Record.objects.filter(resource_type="Observation").count() == length
    assert observations.pages <= 4 * length


def test_pages_that_never_end_are_followed_so_far_only(connection, chart, monkeypatch):
    monkeypatch.setattr(pulling, "MAX_PAGES", 3)
    chart.add("Observation", *(f"o{n}" for n in range(20)))

    observations = step_of(go_on(connection), "Observation")

    assert (observations.pages, observations.verdict) == (3, Verdict.TOO_MANY_PAGES)
    assert (observations.received, observations.status) == (6, StepStatus.PARTLY)


def test_a_next_page_elsewhere_is_not_asked_for(connection, chart, charted):
    def elsewhere(request):
        link = {"relation": "next", "url": "https://elsewhere.example/fhir/r4/Observation?page=2"}
        entry = [{"resource": {"resourceType": "Observation", "id": "o1"}}]
        return Answer.json({"resourceType": "Bundle", "link": [link], "entry": entry})

    chart.faults["Observation"] = elsewhere

    observations = step_of(go_on(connection), "Observation")

    assert (observations.status, observations.verdict) == (StepStatus.PARTLY, Verdict.ELSEWHERE)
    assert "Observation/o1" in stored(connection)


# --- Servers that want the question otherwise ---


def strict(*refused: str):
    """Refuses searches with one of these parameters."""

    def spoil(request):
        found = [name for name in refused if name in request.query]
        return outcome(400, f"Unknown parameter {found[0]}.") if found else None

    return spoil


def test_a_server_that_refuses_count_is_asked_without(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Observation"] = strict("_count")

    pull = go_on(connection)

    assert step_of(pull, "Observation").status == StepStatus.DONE
    assert [sorted(query) for query in chart.searches("Observation")] == [["_count", "patient"], ["patient"]]


def test_a_server_that_wants_the_long_form_of_the_patient_gets_it(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Observation"] = lambda request: (
        None if request.query["patient"].startswith("Patient/") else outcome(400, "Unknown patient.")
    )

    assert step_of(go_on(connection), "Observation").status == StepStatus.DONE
    assert chart.searches("Observation")[-1]["patient"] == f"Patient/{chart.patient}"


def test_a_server_that_wants_categories_is_asked_for_each_and_so_again_the_next_time(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Observation"] = lambda request: (
        None if "category" in request.query else outcome(400, "A category is required.")
    )

    pull = go_on(connection)

    assert step_of(pull, "Observation?category=laboratory").status == StepStatus.DONE
    assert "Observation" not in steps(pull)
    assert stored(connection).count("Observation/o1") == 1
    chart.asked.clear()
    pull_again(connection)
    assert all("category" in query for query in chart.searches("Observation"))


def test_a_server_that_refuses_last_updated_is_asked_for_everything(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Observation"] = strict("_lastUpdated")
    go_on(connection)

    pull = pull_again(connection, PullKind.SCHEDULED)

    assert step_of(pull, "Observation").status == StepStatus.DONE
    chart.asked.clear()
    pull_again(connection, PullKind.SCHEDULED)
    assert all("_lastUpdated" not in query for query in chart.searches("Observation"))


def test_a_server_that_accepts_no_question_at_all_ends_in_a_verdict(connection, chart):
    chart.faults["Observation"] = always(400, "No.")

    pull = go_on(connection)

    observations = [step for name, step in steps(pull).items() if name.startswith("Observation")]
    assert {step.verdict for step in observations} == {Verdict.REFUSED}
    assert pull.status == PullStatus.COMPLETED


# --- Access ---


def test_a_401_in_the_middle_is_answered_with_new_access_and_the_pull_goes_on(connection, chart, charted):
    portal = charted[0]
    chart.add("Observation", *(f"o{n}" for n in range(9)))

    def expire(request):
        portal.expire_access_tokens()

    chart.faults["Observation"] = after(1, first(1, expire))

    pull = go_on(connection)

    assert pull.status == PullStatus.COMPLETED
    assert step_of(pull, "Observation").received == 9
    assert Renewal.objects.filter(connection=connection, outcome="renewed").count() == 1


def test_a_portal_that_takes_no_token_for_one_type_loses_only_that(connection, chart):
    chart.add("Observation", "o1")
    chart.faults["Condition"] = always(401)

    pull = go_on(connection)

    assert step_of(pull, "Condition").verdict == Verdict.NOT_TAKEN
    assert "Observation/o1" in stored(connection)


def test_access_that_ends_in_the_middle_keeps_what_came(connection, chart, charted):
    chart.add("Condition", "c1")
    chart.faults["Observation"] = lambda request: charted[0].revoke_everything()
    chart.add("Observation", "o1", "o2", "o3")

    pull = go_on(connection)

    assert pull.status == PullStatus.COMPLETED
    assert step_of(pull, "Observation").verdict == Verdict.ACCESS_ENDED
    assert "Condition/c1" in stored(connection)
    assert again(connection).status == "refresh_failed"


def test_a_patient_who_disconnects_in_the_middle_is_asked_nothing_more(connection, chart):
    chart.add("Condition", "c1")

    def leave(request):
        disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())
        database.close()

    chart.faults["Condition"] = leave
    pull = go_on(connection)
    asked = len(chart.asked)

    assert not pull.is_open
    assert again(connection).status == "disconnected"
    assert again(connection).pull_due_at is None
    assert asked < 40


def test_a_connection_without_access_fails_with_a_reason_and_an_event(connection):
    disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())

    pull = go_on(connection)

    assert pull.status == PullStatus.FAILED
    assert pull.problem == "Nothing could be read: the access ended before it was read."
    [event] = Event.objects.filter(type="records.sync.failed")
    assert event.object["error_message"] == pull.problem
    assert again(connection).last_synced_at is None


def test_a_patient_who_is_erased_in_the_middle_leaves_nothing(connection, chart, organization):
    chart.add("Condition", "c1", "c2", "c3")

    def erase(request):
        erase_patient(organization=organization, reference="p-1", now=timezone.now())
        database.close()

    chart.faults["Condition"] = after(1, erase)

    pulling.go_on(open_pull(connection).pk, timezone.now())

    assert Record.objects.count() == Pull.objects.count() == PullStep.objects.count() == Reference.objects.count() == 0
    assert jobs() == []


# --- Waiting ---


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
    for _ in range(len(pulling.WAITS)):
        assert go_on(connection).status == PullStatus.WAITING
        _let_time_pass(connection)

    pull = go_on(connection)

    assert pull.status == PullStatus.COMPLETED
    assert step_of(pull, "Condition").verdict == Verdict.PORTAL_FAILED
    assert chart.paths().count("Condition") == len(pulling.WAITS) + 1


def test_a_portal_that_is_gone_is_waited_for_and_then_given_up(connection, chart, charted):
    charted[0].stop()
    for _ in range(len(pulling.WAITS)):
        pull = go_on(connection)
        assert (pull.status, pull.problem) == (PullStatus.WAITING, "The portal did not answer; we ask again.")
        _let_time_pass(connection)

    pull = go_on(connection)

    assert pull.status == PullStatus.FAILED
    assert pull.problem == "Nothing could be read: the portal did not answer."
    assert {step.verdict for step in steps(pull).values()} == {Verdict.UNREACHABLE}


# --- What others refer to ---


def test_what_others_refer_to_is_read_once_and_what_that_refers_to(connection, chart):
    doctor = {"reference": "Practitioner/doc"}
    chart.add("Observation", "o1", "o2", "o3", performer=[doctor])
    chart.add("Practitioner", "doc", qualification=[{"issuer": {"reference": "Organization/school"}}])
    chart.add("Organization", "school", partOf={"reference": "Organization/school"})

    pull = go_on(connection)

    assert chart.paths().count("Practitioner/doc") == 1
    assert chart.paths().count("Organization/school") == 1
    assert {"Practitioner/doc", "Organization/school"} <= set(stored(connection))
    assert step_of(pull, "Practitioner").status == StepStatus.DONE
    assert Reference.objects.count() == 0


def test_a_pull_of_changes_reads_only_what_is_not_here(connection, chart):
    chart.add("Observation", "o1", performer=[{"reference": "Practitioner/doc"}])
    chart.add("Practitioner", "doc", "new")
    go_on(connection)
    stamp = {"lastUpdated": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}"}
    chart.add("Observation", "o2", meta=stamp, performer=[{"reference": "Practitioner/doc"}])
    chart.add("Observation", "o3", meta=stamp, performer=[{"reference": "Practitioner/new"}])
    chart.asked.clear()

    pull_again(connection, PullKind.SCHEDULED)

    assert [path for path in chart.paths() if path.startswith("Practitioner/")] == ["Practitioner/new"]


def test_references_that_lead_nowhere_are_counted_and_after_some_not_tried_again(connection, chart):
    chart.page_size = 20
    for number in range(12):
        chart.add("Observation", f"o{number}", performer=[{"reference": f"Practitioner/gone-{number:02}"}])

    practitioners = step_of(go_on(connection), "Practitioner")

    asked = [path for path in chart.paths() if path.startswith("Practitioner/")]
    assert len(asked) == pulling.MAX_REFUSED
    assert practitioners.verdict == Verdict.NOT_SUPPORTED


def test_one_reference_that_leads_nowhere_does_not_stop_the_others(connection, chart):
    chart.add("Observation", "o1", performer=[{"reference": "Practitioner/gone"}])
    chart.add("Observation", "o2", performer=[{"reference": "Practitioner/here"}])
    chart.add("Practitioner", "here")

    practitioners = step_of(go_on(connection), "Practitioner")

    assert "Practitioner/here" in stored(connection)
    assert (practitioners.unusable, practitioners.status) == (1, StepStatus.PARTLY)


# --- Workers ---


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
    def break_off(*args):
        raise RuntimeError("oops")

    monkeypatch.setattr(pulling, "_read", break_off)

    pull = go_on(connection)

    assert pull.problem == "Something broke on our side. It is logged, and tried again."
    assert pull.status == PullStatus.WAITING
    assert "pull broke off" in caplog.text
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


# --- Schedule ---


def test_a_pull_that_is_due_is_requested_once(connection, chart):
    go_on(connection)
    Connection.objects.update(pull_due_at=timezone.now())

    assert scheduling.request_due(timezone.now()) == 1
    assert scheduling.request_due(timezone.now()) == 0
    assert open_pull(connection).kind == PullKind.SCHEDULED


def test_connections_without_access_are_not_pulled(connection):
    go_on(connection)
    disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())
    Connection.objects.update(pull_due_at=timezone.now())

    assert scheduling.request_due(timezone.now()) == 0


def test_histories_are_forgotten_after_a_while_and_records_never(connection, chart):
    go_on(connection)
    Pull.objects.update(ended_at=timezone.now() - scheduling.KEPT - timedelta(days=1))

    assert scheduling.forget_old(timezone.now()) == 1
    assert stored(connection) == [f"Patient/{chart.patient}"]


# --- Helpers ---


def _let_time_pass(connection: Connection) -> None:
    """What was put off is due now."""
    now = timezone.now()
    PullStep.objects.filter(pull__connection=connection).update(retry_at=now)
    Pull.objects.filter(connection=connection).update(wake_at=now)
    Pause.objects.all().delete()


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

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(progress, "keep_page", keep_and_die)
        pulling.go_on(open_pull(connection).pk, timezone.now())
