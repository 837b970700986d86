"""Servers that want the question otherwise are asked as they want it."""

import pytest

from records.models import PullKind, PullStatus, StepStatus
from records.verdicts import Verdict
from tests.records.charts import always, outcome
from tests.records.pulled import (
    go_on,
    pull_again,
    step_of,
    steps,
    stored,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
