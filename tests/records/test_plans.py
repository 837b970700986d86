"""What a pull asks for: by what the access covers, what the server has, and how the vendor wants it."""

from datetime import UTC, datetime

import pytest

from records.fhir import FOLLOWED as REFERRED
from records.plans import (
    CATEGORIES,
    FOLLOWED,
    TYPES,
    Question,
    Retreat,
    covers,
    page_size_of,
    questions,
    search_parameters,
    simpler,
)
from records.verdicts import Verdict

ALL = ["launch/patient", "patient/*.rs"]
SINCE = datetime(2026, 4, 25, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scopes", "covered"),
    [
        (["patient/*.rs"], True),
        (["patient/*.read"], True),
        (["patient/*.*"], True),
        (["patient/Observation.read"], True),
        (["patient/Observation.rs"], True),
        (["patient/Observation.s"], True),
        (["patient/Observation.cruds"], True),
        (["patient/Observation.rs?category=laboratory"], True),
        (["user/Observation.read"], True),
        (["patient/Observation.write"], False),
        (["patient/Observation.cud"], False),
        (["patient/Condition.rs"], False),
        (["launch/patient", "patient/Patient.read"], False),
        (["openid", "fhirUser"], True),  # nothing said: we try
        ([], True),
    ],
)
def test_scopes_of_either_syntax_say_what_is_covered(scopes, covered):
    assert covers(scopes, "Observation") is covered


def test_everything_is_asked_for_and_what_others_refer_to_comes_last():
    planned = questions(None, ALL, None)

    assert [each.resource_type for each in planned] == [*TYPES, *FOLLOWED]
    assert all(each.follows_references for each in planned[-len(FOLLOWED) :])
    assert not any(each.skipped for each in planned)


def test_what_pages_note_and_what_a_pull_reads_are_the_same_types():
    assert set(FOLLOWED) == set(REFERRED)


def test_what_the_server_does_not_have_is_not_asked_for_but_the_patient_is():
    planned = {each.resource_type: each for each in questions(None, ALL, {"Observation"})}

    assert planned["Observation"].skipped is None
    assert planned["Patient"].skipped is None
    assert planned["Goal"].skipped == Verdict.NOT_SUPPORTED


def test_what_is_not_granted_is_said_to_be_so_even_where_the_server_has_it():
    planned = {each.resource_type: each for each in questions(None, ["patient/Goal.rs"], {"Goal", "Observation"})}

    assert planned["Observation"].skipped == planned["Binary"].skipped == Verdict.NOT_GRANTED
    assert planned["Goal"].skipped is None


def test_epic_is_asked_by_category():
    planned = [each for each in questions("epic", ALL, None) if each.resource_type == "Observation"]

    assert [each.parameters for each in planned] == [f"category={code}" for code in CATEGORIES["Observation"]]


def test_a_portal_is_asked_as_it_answered_the_last_time():
    known = Question("Observation", "category=laboratory", Retreat.NO_COUNT)

    planned = [each for each in questions("epic", ALL, None, [known]) if each.resource_type == "Observation"]

    assert planned == [known]


@pytest.mark.parametrize(
    ("retreat", "expected"),
    [
        (
            Retreat.NONE,
            [("patient", "p"), ("category", "a|b=c"), ("_lastUpdated", "ge2026-04-25T14:30:00Z"), ("_count", "50")],
        ),
        (Retreat.NO_COUNT, [("patient", "p"), ("category", "a|b=c"), ("_lastUpdated", "ge2026-04-25T14:30:00Z")]),
        (Retreat.NO_LAST_UPDATED, [("patient", "p"), ("category", "a|b=c")]),
        (Retreat.LONG_PATIENT, [("patient", "Patient/p"), ("category", "a|b=c")]),
    ],
)
def test_each_retreat_asks_more_simply(retreat, expected):
    assert search_parameters(Question("Observation", "category=a|b=c", retreat), "p", SINCE, 50) == expected


def test_retreats_end_with_categories_and_then_with_nothing():
    asked, retreats = Question("Condition"), []
    while True:
        others = simpler(asked, incremental=False)
        if len(others) != 1:
            break
        [asked] = others
        retreats.append(asked.retreat)

    assert retreats == [Retreat.NO_COUNT, Retreat.LONG_PATIENT]  # there was no _lastUpdated to leave out
    assert [each.parameters for each in others] == [f"category={code}" for code in CATEGORIES["Condition"]]
    assert simpler(Question("Condition", "category=x", Retreat.LONG_PATIENT), incremental=True) == []
    assert simpler(Question("Goal", "", Retreat.LONG_PATIENT), incremental=True) == []


def test_some_vendors_get_smaller_pages():
    assert page_size_of("ecw") < page_size_of("epic") == page_size_of(None)
