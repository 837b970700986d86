"""What patients type around a name: sentences, departments, addresses; and where they look for a kind of place."""

import pytest

from picker.place_names import place_of
from sources.geography import gazetteer, point_of
from sources.search import search
from sources.searching import index, links
from tests.sources.catalogue import facility, source
from tests.sources.test_search import names

pytestmark = pytest.mark.django_db

CHICAGO = point_of("60601")


@pytest.mark.parametrize(
    "typed",
    [
        "i go to the quill clinic in rochester",
        "Quill Clinic, 100 Park Street, Glens Falls, NY 12801",
        "Quill Clinic (518) 926-1000",
        "what is the portal for quill clinic",
        "quill clinic lab results",
        "quill clinic main campus",
        "my doctor is at quill clinic",
    ],
)
def test_a_whole_name_is_found_whatever_is_around_it(organization, typed):
    facility("Quill Clinic")
    facility("Alder Center for Results")

    assert names(typed, organization) == ["Quill Clinic"]


@pytest.mark.parametrize("typed", ["quill clinic dermatology", "quill clinic pediatrics", "quill clinic urgent care"])
def test_a_name_with_a_department_comes_ahead_of_strangers_of_that_department(organization, typed):
    facility("Quill Clinic")
    for number in range(8):
        facility(f"Quill Asthma Dermatology {number}")
        facility(f"Clinic of Pediatrics and Urgent Care {number}")

    assert names(typed, organization)[0] == "Quill Clinic"


def test_a_name_that_anybody_might_have_is_not_found_within_nonsense(organization, monkeypatch):
    monkeypatch.setattr(index, "_TELLING", 10)
    for number in range(10):
        facility(f"Family Practice {number}")
    facility("Family Medicine Practice")

    assert names("wubbalubba family medicine practice zork", organization) == []


@pytest.mark.parametrize(
    "typed", ["quill clinic near me", "quill clinic nearby", "nearest quill clinic", "quill clinic closest to me"]
)
def test_near_me_is_neither_in_maine_nor_part_of_a_name(organization, typed):
    facility("Quill Clinic", city="Chicago", state="IL", postal_code="60601")
    facility("Quill Near Clinic of Maine", state="ME")

    assert names(typed, organization)[0] == "Quill Clinic"


def test_nothing_but_near_me_asks_for_the_nearest_places(organization):
    facility("Quill Clinic", city="Chicago", state="IL", postal_code="60601")
    facility("Alder Clinic", state="ME")

    assert names("near me", organization) == []
    assert names("near me", organization, near=CHICAGO) == ["Quill Clinic"]


def test_near_a_point_what_is_known_to_be_in_another_state_is_far_away(organization):
    facility("Foot Doctor of Anywhere")
    facility("Foot Doctor of America", state="MA")
    facility("Foot Doctor of Illinois", state="IL")
    facility("Foot Doctor of Indiana", state="IN")  # a few miles from Chicago
    facility("Foot Doctor of Springfield", city="Springfield", state="MA", postal_code="01103")

    *perhaps, last, far = names("foot doctor", organization, near=CHICAGO)

    assert set(perhaps) == {"Foot Doctor of Anywhere", "Foot Doctor of Illinois", "Foot Doctor of Indiana"}
    assert {last, far} == {"Foot Doctor of America", "Foot Doctor of Springfield"}


def test_a_place_of_exactly_that_name_is_not_far_away(organization):
    facility("Quill Clinic", state="MA")
    facility("Quill Clinic of Anywhere")

    assert names("quill clinic", organization, near=CHICAGO)[0] == "Quill Clinic"


@pytest.mark.parametrize("typed", ["dr orozco rowlett", "dr. maria orozco, rowlett tx", "doctor orozco rowlett texas"])
def test_a_doctor_at_a_town_is_found_whatever_the_directory_puts_behind_the_name(organization, typed):
    facility("Maria Orozco, MD", postal_code="75088")
    facility("Doctor Alder", city="Rowlett", state="TX", postal_code="75088")

    assert names(typed, organization)[0] == "Maria Orozco, MD"


@pytest.mark.parametrize("state", ["", "co", "colorado"])
def test_the_state_behind_the_town_changes_nothing(organization, state):
    for number in range(6):
        facility(f"Denver Quill Street Clinic {number}", city="Denver", state="CO", postal_code="80202")
    facility("Quill Medicine")

    assert names(f"quill medicine denver {state}", organization)[0] == "Quill Medicine"


def test_a_kind_of_place_is_looked_for_at_the_town_although_somebody_is_called_so(organization):
    facility("Cardiology PC")
    facility("Alder Cardiology", postal_code="80202")

    assert names("cardiology denver", organization)[0] == "Alder Cardiology"


def test_a_name_is_found_in_another_town_than_the_one_it_is_listed_in(organization):
    facility("Quill University Hospital", city="Elmhurst", state="IL", postal_code="60126")

    assert names("quill chicago heights", organization) == ["Quill University Hospital"]


def test_of_equals_hospitals_come_before_practices(organization):
    facility("Minden Eye Care")
    facility("Minden Foot Practice")
    facility("Minden Medical Center")

    assert names("minden", organization)[0] == "Minden Medical Center"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("tgh.org", "Tampa Green Hospital"),
        ("mychart.tgh.org", "Tampa Green Hospital"),
        ("mytgh.org", "Tampa Green Hospital"),
        ("https://www.myquillchart.com/login", "Quill Health"),
        ("info@quill.org", "Quill Health"),
    ],
)
def test_a_site_is_called_as_its_owner_is_or_by_the_initials(organization, typed, name):
    facility("Tampa Green Hospital")
    facility("Quill Health")

    assert names(typed, organization) == [name]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("pediatrician alder", "Alder Pediatrics"),
        ("alder chiropractor", "Alder Chiropractic"),
        ("1st alder", "First Alder Practice"),
    ],
)
def test_who_treats_is_what_is_treated(organization, typed, name):
    facility(name)
    facility("Somebody Else")

    assert names(typed, organization) == [name]


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ("urgent care eagan", {"city": "Saint Paul", "state": "MN", "postal_code": "55121"}),
        ("urgent care coeur d'alene", {"city": "Coeur D Alene", "state": "ID", "postal_code": "83814"}),
        ("urgent care nyc", {"city": "New York", "state": "NY", "postal_code": "10001"}),
    ],
)
def test_towns_go_by_other_names(organization, typed, where):
    facility("Quill Urgent Care", **where)
    facility("Alder Urgent Care", city="Nashville", state="TN", postal_code="37203")

    assert names(typed, organization) == ["Quill Urgent Care"]


def test_a_card_says_the_town_of_a_zip_code_where_the_directory_says_none(db):
    assert place_of(facility("Quill Clinic", postal_code="12801-4413")) == "Glens Falls, NY"
    assert place_of(facility("Quill Office", state="NY", postal_code="12801")) == "Glens Falls, NY"
    assert place_of(facility("Quill House", state="NY")) == "NY"
    assert place_of(facility("Quill Hut", postal_code="00000")) == ""


def test_states_near_a_point_are_those_across_the_border_too():
    assert gazetteer().states_near(CHICAGO) >= {"il", "in", "wi"}
    assert not gazetteer().states_near(CHICAGO) & {"ma", "tx", "oh"}


@pytest.fixture
def vendors_hosts(monkeypatch):
    """A host of more than one source is a vendor's."""
    monkeypatch.setattr(links, "_SHARED_BY", 1)
    source(fhir_base_url="https://fhir.vendor.example/server/fhir/AAAAAA")
    source(fhir_base_url="https://fhir4.vendor.example/fhir/r4/BBBBBB")


def test_a_practice_that_its_vendor_lists_at_two_hosts_is_one_card(organization, vendors_hosts):
    older = source(fhir_base_url="https://fhir.vendor.example/server/fhir/CDGHBD")
    newer = source(fhir_base_url="https://fhir4.vendor.example/fhir/r4/CDGHBD")
    facility("Quill Practice LLC", older)
    facility("Quill Practice", newer)
    another = source(fhir_base_url="https://fhir.vendor.example/server/fhir/ABCDEF")
    facility("Quill Practice", another)

    hits = search("quill practice", organization=organization, limit=10).hits

    assert [[portal.source for portal in hit.portals] for hit in hits] == [[newer], [another]]
    assert [hit.others for hit in hits] == [0, 0]


def test_other_names_and_what_many_urls_end_with_stay_apart(organization, vendors_hosts):
    facility("Quill Practice", source(fhir_base_url="https://fhir.vendor.example/fhir/CDGHBD"))
    facility("Quill Clinic", source(fhir_base_url="https://fhir4.vendor.example/fhir/CDGHBD"))
    for number in range(4):
        facility("Quill Hospital", source(fhir_base_url=f"https://fhir.vendor.example/{number}/FHIR-R4"))
    for number in range(2):
        facility("Quill House", source(fhir_base_url=f"https://fhir{number}.hospitals.example/api/fhir"))

    assert len(names("quill", organization)) == 8


def test_more_places_of_the_portal_are_counted_once(organization, vendors_hosts):
    older = source(fhir_base_url="https://fhir.vendor.example/server/fhir/CDGHBD")
    newer = source(fhir_base_url="https://fhir4.vendor.example/fhir/r4/CDGHBD")
    for each in (older, newer):
        for _ in range(3):
            facility("Quill Practice", each)

    [hit] = search("quill practice", organization=organization, limit=10).hits

    assert hit.others == 2
