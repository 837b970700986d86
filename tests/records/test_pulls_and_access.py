"""Access that ends, changes or goes away in the middle of a pull."""

import pytest
from django.db import connection as database
from django.utils import timezone

from patients.erasure import erase_patient
from patients.models import Renewal
from patients.operations import disconnect
from records import pulling
from records.models import Pull, PullStatus, PullStep, Record, Reference
from records.plans import FOLLOWED
from records.verdicts import Verdict
from tests.records.charts import after, always, first, outcome
from tests.records.pulled import (
    again,
    go_on,
    jobs,
    open_pull,
    step_of,
    steps,
    stored,
)
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_portal_that_takes_no_token_at_all_is_not_asked_for_a_new_one_each_time(connection, chart):
    for kind in ("Patient", "Condition", "Observation"):
        chart.faults[kind] = always(401)
    chart.faults |= dict.fromkeys(FOLLOWED, always(401))

    pull = go_on(connection)

    assert (pull.status, {step.verdict for step in steps(pull).values()}) == (PullStatus.FAILED, {Verdict.NOT_TAKEN})
    assert Renewal.objects.filter(connection=connection, outcome="renewed").count() <= 3


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


def test_the_app_is_told_of_a_failure_with_whose_records_did_not_come_and_from_where(connection):
    disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())

    pull = go_on(connection)

    [event] = Event.objects.filter(type="records.sync.failed")
    assert event.object == {
        "resource_type": "records_sync",
        "patient_id": "p-1",
        "connection_id": connection.source_id,
        "error_message": pull.problem,
    }
    assert event.patient_id == connection.patient_id


def test_a_patient_who_is_erased_in_the_middle_leaves_nothing(connection, chart, organization):
    chart.add("Condition", "c1", "c2", "c3")

    def erase(request):
        erase_patient(organization=organization, reference="p-1", now=timezone.now())
        database.close()

    chart.faults["Condition"] = after(1, erase)

    pulling.go_on(open_pull(connection).pk, timezone.now())

    assert Record.objects.count() == Pull.objects.count() == PullStep.objects.count() == Reference.objects.count() == 0
    assert jobs() == []


def test_a_patient_who_is_erased_while_a_pull_goes_to_sleep_leaves_nothing(connection, chart, organization):
    def erase(request):
        erase_patient(organization=organization, reference="p-1", now=timezone.now())
        database.close()
        return outcome(429, "Slow down.", Retry_After="600")

    chart.faults["Condition"] = erase

    pulling.go_on(open_pull(connection).pk, timezone.now())

    assert not Pull.objects.exists()
