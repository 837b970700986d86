"""Records arrive: everything once, page by page, and later what changed."""

import json
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from patients.holding import holding
from patients.models import Connection
from patients.operations import disconnect
from records import pulling, scheduling
from records.models import Pull, PullKind, PullStatus, Record, StepStatus
from records.operations import request_pull
from tests.patients.connected import connect_at
from tests.records.charts import always
from tests.records.pulled import (
    again,
    go_on,
    jobs,
    open_pull,
    pull_again,
    step_of,
    stored,
    versions,
)
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_the_app_is_told_how_long_it_took_in_milliseconds(connection):
    begun = timezone.now() - timedelta(seconds=90)
    Pull.objects.filter(pk=open_pull(connection).pk).update(started_at=begun)

    pull = go_on(connection)

    [event] = Event.objects.filter(type="records.sync.completed")
    assert event.object["duration_ms"] == (pull.ended_at - begun) // timedelta(milliseconds=1)


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
    pull = go_on(connection)

    assert scheduling.forget_old(pull.ended_at + scheduling.KEPT) == 0
    assert scheduling.forget_old(pull.ended_at + scheduling.KEPT + timedelta(days=1)) == 1
    assert not Pull.objects.exists()
    assert stored(connection) == [f"Patient/{chart.patient}"]
