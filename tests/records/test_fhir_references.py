"""Whom a resource is about, and what else it says to read."""

import pytest

from records.fhir import Final
from records.fhir.entries import MAX_REFERENCES
from records.fhir.references import FOLLOWED, MAX_DIFFERENT
from records.verdicts import Verdict
from tests.records.pages import BASE, ids, observation, page
from tests.records.server import bundle


def references(resource) -> set[tuple[str, str]]:
    return set(page(bundle(observation(1, **resource))).found[0].references)


ANOTHER = {"reference": "Patient/p-2"}


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "id": "p-2"},
        {"resourceType": "Patient", "id": "P-1"},
        observation(1, subject=ANOTHER),
        observation(1, subject={"reference": "Patient/P-1"}),
        observation(1, subject={"reference": "Patient/p-2/_history/3"}),
        observation(1, subject={"reference": f"{BASE}/Patient/p-2"}),
        observation(1, subject={"reference": f"{BASE}/Patient/p-2/_history/3"}),
        observation(1, subject={"reference": "https://PORTAL.example:443/fhir/r4/Patient/p-2"}),
        observation(1, subject=[ANOTHER, {"reference": "Group/g-1"}]),
        {"resourceType": "Immunization", "id": "1", "patient": ANOTHER},
        {"resourceType": "Coverage", "id": "1", "beneficiary": ANOTHER},
        {"resourceType": "Basic", "id": "1", "subject": {"reference": "Patient/p-1"}, "patient": ANOTHER},
    ],
)
def test_what_is_about_another_patient_is_not_kept(resource):
    of = page(bundle(observation("mine"), resource))

    assert (ids(of), of.unusable) == (["mine"], 1)
    assert page(resource).unusable == 1


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p-1"},
        {"reference": "Patient/p%2D1"},
        {"reference": "Patient/p-1/_history/3"},
        {"reference": f"{BASE}/Patient/p-1"},
        {"reference": "https://elsewhere.example/fhir/r4/Patient/p-2"},
        {"reference": "#p-2"},
        {"reference": "urn:uuid:8a3b"},
        {"reference": "Group/p-2"},
        {"reference": "Patient"},
        {"reference": 7},
        {"identifier": {"value": "p-2"}},
        {"display": "Patient/p-2"},
        [ANOTHER, {"reference": "Patient/p-1"}],
        [],
        "Patient/p-2",
        None,
    ],
)
def test_what_names_this_patient_or_none_of_the_server_is_kept(subject):
    of = page(bundle(observation(1, subject=subject)))

    assert (ids(of), of.unusable) == (["1"], 0)


def test_other_patients_may_be_mentioned():
    coverage = {
        "resourceType": "Coverage",
        "id": "1",
        "subscriber": ANOTHER,
        "beneficiary": {"reference": "Patient/p-1"},
    }
    patient = {"resourceType": "Patient", "id": "p-1", "link": [{"other": ANOTHER}]}

    assert ids(page(bundle(coverage, patient))) == ["1", "p-1"]


def test_the_last_of_duplicates_that_is_about_this_patient_counts():
    [found] = page(bundle(observation(1), observation(1, subject=ANOTHER))).found

    assert found.index == 0


@pytest.mark.parametrize("kind", sorted(FOLLOWED))
@pytest.mark.parametrize(
    "reference", ["{0}/a-1", "{0}/a-1/_history/3", BASE + "/{0}/a-1", BASE + "/{0}/a-1/_history/3", "{0}/a%2D1"]
)
def test_references_to_what_belongs_to_a_record_are_followed(kind, reference):
    assert references({"performer": [{"reference": reference.format(kind)}]}) == {(kind, "a-1")}


def test_references_are_found_however_deep_they_are():
    assert references({"a": [[{"b": {"c": {"reference": "Location/1"}}}]], "reference": "Medication/2"}) == {
        ("Location", "1"),
        ("Medication", "2"),
    }


def test_a_host_may_be_written_otherwise_in_a_reference():
    assert references({"a": {"reference": "https://PORTAL.example:443/fhir/r4/Location/1"}}) == {("Location", "1")}


@pytest.mark.parametrize(
    "reference",
    [
        "#contained",
        "urn:uuid:8a3b",
        "Patient/1",
        "Encounter/1",
        "Practitioner",
        "Practitioner/",
        "Practitioner/1/extra",
        "Practitioner/..",
        "Practitioner/%2e%2e",
        "Practitioner/a%2Fb",
        "Practitioner?identifier=x|1",
        "practitioner/1",
        f"Practitioner/{'x' * 257}",
        "https://elsewhere.example/fhir/r4/Practitioner/1",
        "http://portal.example/fhir/r4/Practitioner/1",
        "https://portal.example/fhir/r4/x/../Practitioner/1",
        f"{BASE}/Patient/1/Practitioner/1",
        "",
        7,
        None,
        {"reference": []},
    ],
)
def test_other_references_are_not(reference):
    assert references({"performer": {"reference": reference}}) == set()


@pytest.mark.parametrize("url", ["Binary/b1", f"{BASE}/Binary/b1"])
def test_attachments_lead_to_binaries(url):
    document = {"resourceType": "DocumentReference", "id": "1", "content": [{"attachment": {"url": url}}]}
    report = {"resourceType": "DiagnosticReport", "id": "2", "presentedForm": [{"url": url}]}

    for found in page(bundle(document, report)).found:
        assert found.references == {("Binary", "b1")}


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/Binary/b1", "Practitioner/1", "http://x/Binary/", "https://["]
)
def test_other_urls_lead_nowhere(url):
    assert references({"extension": [{"url": url}]}) == set()


def test_one_page_has_us_read_no_more_than_so_many_others_and_says_so():
    many = [observation(n, performer=[{"reference": f"Practitioner/{n}-{m}"} for m in range(101)]) for n in range(10)]

    of = page(bundle(*many))

    assert len(set().union(*(found.references for found in of.found))) == MAX_REFERENCES
    assert len(of.found) == 10
    assert of.problem == Verdict.TOO_LARGE


def test_a_page_of_references_without_end_is_too_large():
    many = [{"reference": f"Practitioner/{number}"} for number in range(MAX_DIFFERENT + 1)]

    with pytest.raises(Final) as problem:
        page(bundle(observation(1, performer=many)))

    assert problem.value.verdict == Verdict.TOO_LARGE


def test_the_same_reference_again_and_again_costs_nothing():
    many = [{"reference": "Practitioner/1"}] * (MAX_DIFFERENT + 1)

    assert references({"performer": many}) == {("Practitioner", "1")}
