"""One part of a record that does not come keeps no other from coming; each part ends in a verdict."""

import pytest
from django.utils import timezone

from records import pulling
from records.models import PullKind, PullStatus, Record, Reference, StepStatus
from records.verdicts import Verdict
from tests.portals import Choices
from tests.portals.listener import Answer
from tests.records.charts import FHIR, after, always, outcome
from tests.records.pulled import (
    chart_at,
    go_on,
    pull_again,
    step_of,
    steps,
    stored,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
    assert practitioners.verdict == Verdict.UNUSABLE


def test_one_reference_that_leads_nowhere_does_not_stop_the_others(connection, chart):
    chart.add("Observation", "o1", performer=[{"reference": "Practitioner/gone"}])
    chart.add("Observation", "o2", performer=[{"reference": "Practitioner/here"}])
    chart.add("Practitioner", "here")

    practitioners = step_of(go_on(connection), "Practitioner")

    assert "Practitioner/here" in stored(connection)
    assert (practitioners.unusable, practitioners.status) == (1, StepStatus.PARTLY)
