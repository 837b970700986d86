import pytest

from sandbox.fhir.dates import check_date, date_test
from sandbox.fhir.errors import NotUnderstood
from tests.sandbox.conftest import query_of


@pytest.fixture
def token(riverside):
    return riverside.tokens("maria")["access_token"]


def found(bundle):
    return [entry["resource"] for entry in bundle.get("entry", [])]


def categories(resource):
    return [coding["code"] for category in resource["category"] for coding in category["coding"]]


def self_link(bundle):
    return next(link["url"] for link in bundle["link"] if link["relation"] == "self")


def test_a_search_answers_a_searchset(riverside, token):
    answer = riverside.read("Condition", token)

    bundle = answer.json()
    assert answer["Content-Type"] == "application/fhir+json"
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 4)
    assert all(entry["search"] == {"mode": "match"} for entry in bundle["entry"])
    assert riverside.read(bundle["entry"][0]["fullUrl"], token).json() == bundle["entry"][0]["resource"]


@pytest.mark.parametrize(
    "category",
    ["laboratory", "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"],
)
def test_observations_can_be_had_by_category(riverside, token, category):
    bundle = riverside.read("Observation", token, category=category).json()

    assert bundle["total"] == 11
    assert all(categories(resource) == ["laboratory"] for resource in found(bundle))


def test_values_with_a_comma_mean_either(riverside, token):
    bundle = riverside.read("Observation", token, category="laboratory,vital-signs").json()

    assert bundle["total"] == 22


def test_a_parameter_given_twice_means_both(riverside, token):
    bundle = riverside.read("Observation", token, category=["laboratory", "vital-signs"]).json()

    assert bundle["total"] == 0


def test_a_category_of_another_code_system_does_not_match(riverside, token):
    bundle = riverside.read("Observation", token, category="http://other.example|laboratory").json()

    assert bundle["total"] == 0


def test_a_category_can_be_a_plain_code(riverside, token):
    everything = found(riverside.read("AllergyIntolerance", token).json())

    bundle = riverside.read("AllergyIntolerance", token, category=everything[0]["category"][0]).json()

    assert everything[0] in found(bundle)


def test_observations_can_be_had_by_code(riverside, token):
    bundle = riverside.read("Observation", token, code="http://loinc.org|8867-4").json()

    assert bundle["total"] > 0
    assert {resource["code"]["text"] for resource in found(bundle)} == {"Heart rate"}


def test_prescriptions_can_be_had_by_the_code_of_the_medicine(riverside, token):
    named = next(
        each for each in found(riverside.read("MedicationRequest", token).json()) if "medicationCodeableConcept" in each
    )
    code = named["medicationCodeableConcept"]["coding"][0]["code"]

    assert named in found(riverside.read("MedicationRequest", token, code=code).json())


def test_resources_can_be_had_by_id(riverside, token):
    first, second, *_ = found(riverside.read("Condition", token).json())

    bundle = riverside.read("Condition", token, _id=f"{first['id']},{second['id']},no-such-id").json()

    assert found(bundle) == [first, second]


def test_the_patient_is_found_without_knowing_the_id(riverside, token):
    bundle = riverside.read("Patient", token).json()

    assert [resource["name"][0]["given"] for resource in found(bundle)] == [["Maria"]]


def test_resources_can_be_had_by_when_they_changed(riverside, token):
    everything = found(riverside.read("Observation", token).json())
    middle = sorted(resource["meta"]["lastUpdated"] for resource in everything)[10]

    later = riverside.read("Observation", token, _lastUpdated=f"ge{middle}").json()
    earlier = riverside.read("Observation", token, _lastUpdated=f"lt{middle}").json()

    assert all(resource["meta"]["lastUpdated"] >= middle for resource in found(later))
    assert later["total"] + earlier["total"] == len(everything)
    assert 0 < later["total"] < len(everything)


def test_unknown_parameters_are_ignored_and_the_self_link_says_so(riverside, token):
    bundle = riverside.read(
        "Condition", token, _sort="-date", _summary="true", nonsense="1", category="encounter-diagnosis"
    ).json()

    assert 0 < bundle["total"] < 4
    assert query_of(self_link(bundle)) == {"category": "encounter-diagnosis"}


def test_a_parameter_that_a_type_does_not_have_is_ignored(riverside, token):
    bundle = riverside.read("Medication", token, patient="whoever").json()

    assert bundle["total"] == 2


@pytest.mark.parametrize(
    "parameters",
    [
        {"_count": "many"},
        {"_count": "-1"},
        {"_count": "١"},
        {"_count": "9" * 30},
        {"_lastUpdated": "yesterday"},
        {"_lastUpdated": "gt2024-13-01"},
        {"_lastUpdated": "0000"},
        {"_lastUpdated": "9999-12-31"},
        {"_lastUpdated": ["2024", "\x00"]},
    ],
    ids=str,
)
def test_a_number_or_date_that_is_none_is_refused(riverside, token, parameters):
    answer = riverside.read("Observation", token, **parameters)

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] == "invalid"


def test_values_without_sense_find_nothing_and_break_nothing(riverside, token):
    parameters = {"category": ["|", ",", "\x00"], "code": "|||", "_id": "../..", "_count": ["1", "2"]}

    answer = riverside.read("Observation", token, **parameters)

    assert answer.status_code == 200
    assert answer.json()["total"] == 0


@pytest.mark.parametrize(
    ("value", "matches"),
    [
        ("2024", True),
        ("2024-05", True),
        ("2024-05-17", True),
        ("eq2024-05-18", False),
        ("ne2024-05-17", False),
        ("gt2024-05-17", False),
        ("gt2024-05-16", True),
        ("sa2024-04", True),
        ("ge2024-05-17", True),
        ("lt2024-05-17", False),
        ("lt2024-06", True),
        ("eb2025", True),
        ("le2024-05-17", True),
        ("le2024-05-16", False),
        ("2023,2024", True),
        ("ge2024-05-17T12:30:00Z", True),
        ("gt2024-05-17T12:30:00.500Z", False),
        ("ge2024-05-17T14:30:00+02:00", True),
        ("ge2024-05-17T14:30:00 02:00", True),
        ("gt2024-05-17T12:29", True),
        ("lt9998", True),
    ],
)
def test_a_date_stands_for_all_it_names(value, matches):
    check_date(value)

    assert date_test(value)("2024-05-17T12:30:00.500Z") is matches


@pytest.mark.parametrize("value", ["", "2024-", "gt", "xx2024", "2024-02-30", "2024-01-01T25:00", "2024,nonsense"])
def test_what_is_no_date_is_refused(value):
    with pytest.raises(NotUnderstood):
        check_date(value)
