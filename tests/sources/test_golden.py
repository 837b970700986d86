"""The search finds what patients mean, on the real directories all together. `pytest -s` prints the score."""

import pytest
from django.db import transaction
from django.test import override_settings

from bench.golden import FIRST, FIRST_FIVE, load_directories, print_score, score
from bench.golden_set import NONSENSE, Answer, GoldenQuery, Place, catalogue_places, golden_queries, missing_answers
from organizations.operations import create_organization
from tests.sources.directories import FOLDER, needs_directories

QUERIES = golden_queries()
KINDS = {query.kind for query in QUERIES} - {NONSENSE}
CLINIC = Place("OH - Saint Anne's Clinic, LLC", ("https://fhir.vendor.example/r4/7f3a",), "", "44101")


@pytest.fixture(scope="module")
def result(django_db_setup, django_db_blocker, tmp_path_factory):
    """The score, and the answers that no place of the catalogue meets. Loads and asks once for all tests here."""
    with (
        django_db_blocker.unblock(),
        override_settings(SEARCH_INDEX_DIR=tmp_path_factory.mktemp("golden") / "search"),
        transaction.atomic(),
    ):
        load_directories(FOLDER)
        organization = create_organization(name="Golden", environment="production")
        found = score(QUERIES, organization), missing_answers(QUERIES, catalogue_places())
        transaction.set_rollback(True)
    print_score(found[0])
    return found


@needs_directories
@pytest.mark.django_db
def test_every_expected_answer_is_in_the_real_directories(result):
    assert result[1] == []


@needs_directories
@pytest.mark.django_db
def test_what_patients_mean_is_in_the_first_five(result):
    assert result[0].share_within(5) >= FIRST_FIVE, result[0].misses


@needs_directories
@pytest.mark.django_db
def test_what_patients_mean_is_first(result):
    assert result[0].share_within(1) >= FIRST, result[0].misses


@needs_directories
@pytest.mark.django_db
def test_nonsense_finds_nothing(result):
    assert {outcome.query.text: outcome.found for outcome in result[0].nonsense if outcome.found} == {}


def test_the_golden_set_has_many_queries_of_each_kind():
    count = {kind: sum(query.kind == kind for query in QUERIES) for kind in KINDS}

    assert sum(count.values()) >= 360
    assert min(count.values()) >= 25
    assert sum(query.kind == NONSENSE for query in QUERIES) >= 20


def test_no_query_comes_twice_and_all_but_nonsense_mean_something():
    asked = [(query.text.casefold(), query.near) for query in QUERIES]

    assert len(set(asked)) == len(asked)
    assert all(bool(query.answers) == (query.kind != NONSENSE) for query in QUERIES)


@pytest.mark.parametrize(
    "text",
    [
        "Saint Annes clinic LLC",
        "saint anne* ",
        "*clinic*",
        "@ vendor.example/r4/7F3A",
        "Saint Anne* @ fhir.vendor",
        "*clinic* in OH",
        "* in 441",
    ],
)
def test_an_answer_is_met_by_name_address_and_place(text):
    assert Answer.read(text).is_met_by(CLINIC)


@pytest.mark.parametrize(
    "text", ["Saint Anne", "anne*", "Saint Anne* @ other.example", "*clinic* in MI", "*clinic* in 442", "@ r4/0000"]
)
def test_an_answer_is_not_met_by_another_name_address_or_place(text):
    assert not Answer.read(text).is_met_by(CLINIC)


def test_the_rank_is_that_of_the_first_acceptable_place():
    query = GoldenQuery("exact", "saint anne", "", (Answer.read("Saint Anne"), Answer.read("@ 7f3a")))
    other = Place("Saint Ann", ("https://fhir.vendor.example/r4/1",), "OH", "")

    assert query.rank([other, CLINIC, CLINIC]) == 2
    assert query.rank([other]) is None
