"""What patients mean beyond what they type: names in pieces, a town that no directory knows, a system's own campus."""

import pytest

from sources.searching.words import words_of
from tests.sources.catalogue import facility, source
from tests.sources.test_search import names

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("typed", ["river star", "river star he", "river star health", "river star hospital"])
def test_a_name_that_is_one_word_is_found_by_its_parts_ahead_of_strangers(organization, typed):
    for number in range(8):
        facility(f"Starling Health of Riverton {number}")
    facility("RiverStar Health")

    assert names(typed, organization)[0] == "RiverStar Health"


def test_parts_that_are_no_ones_name_together_are_two_words(organization):
    facility("River Star")
    facility("Riverstarling")

    assert names("river star", organization)[0] == "River Star"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("hill srugical", "Hill Surgical Partners"),
        ("cardiolgist", "Dale Cardiologists"),
        ("psychiatirst", "Dale Psychiatrist Group"),
    ],
)
def test_typos_are_forgiven_in_the_form_that_a_name_has(organization, typed, name):
    facility(name)
    facility("Something Else")

    assert names(typed, organization) == [name]


@pytest.fixture
def systems(db):
    """Two health systems without an address, and practices that would fill the page."""
    for number in range(6):
        facility(f"Denver Foot Clinic {number}", city="Denver", state="CO", postal_code="80202")
        facility(f"Hollow Park Practice {number}", state="UT")
    facility("Greystone Health System")
    facility("Quill Medicine")


@pytest.mark.parametrize(
    ("typed", "name"), [("greystone denver", "Greystone Health System"), ("quill medicine denver", "Quill Medicine")]
)
def test_a_name_and_a_town_that_no_directory_has_together_lead_to_the_name(organization, systems, typed, name):
    assert names(typed, organization)[0] == name


def test_a_place_in_another_state_is_not_taken_for_one_that_may_be_anywhere(organization, systems):
    assert names("park denver", organization) == []


def test_a_campus_that_nobody_lists_leads_to_its_health_system(organization, systems):
    assert names("greystone kennestown", organization) == ["Greystone Health System"]
    assert names("hollow kennestown", organization) == []


@pytest.mark.parametrize("typed", ["q.r.v.", "Q.R.V", "q.r.v. hospital", "qrv"])
def test_initials_with_dots_are_a_word(organization, typed):
    facility("QRV Hospital")
    facility("Q Rivers Vale")

    assert names(typed, organization)[0] == "QRV Hospital"


def test_dots_join_letters_only_where_each_has_one():
    assert words_of("U.C.L.A. Health") == ("ucla", "health")
    assert words_of("Ann Lee, M.D., P.A.") == ("ann", "lee", "md", "pa")
    assert words_of("St. Mary's. A. B Clinic") == ("st", "marys", "a", "b", "clinic")


def test_behind_one_web_address_the_place_that_it_is_named_for_comes_first(organization):
    shared = source(fhir_base_url="https://fhir.greystone.example/r4")
    for number in range(3):
        facility(f"Alder Practice {number}", shared)
    facility("Greystone Health", shared)

    for typed in ("my.greystone.example", "mychart https://my.greystone.example/login"):
        found = names(typed, organization)
        assert (found[0], len(found)) == ("Greystone Health", 4), typed


def test_a_site_finds_whoever_has_its_name(organization):
    facility("Greystone Health")

    assert names("greystone.org", organization) == ["Greystone Health"]


def test_what_a_vendor_left_for_its_own_tests_comes_last(organization):
    facility("Quill Production-TEST(TEST)")
    facility("Quill A XX_DO NOT USE")
    facility("Quill Test Strips")
    facility("Quill Zetland")

    assert names("quill", organization)[0] == "Quill Zetland"
