"""Which facility an entry is: by its key, its name and sources, or the address it has to itself."""

import pytest

from sources.models import DirectoryEntry, Facility, Source
from sources.operations import add_source
from tests.sources.imports.listings import HILL, LAKE, RIVER, brought, catalogue, facility_counts, place

pytestmark = pytest.mark.django_db


def names() -> set[str]:
    return set(Facility.objects.filter(retired_at=None).values_list("name", flat=True))


def test_the_same_listing_twice_changes_nothing():
    places = [place("brand", "River"), place("clinic", "River Clinic", brand="brand", city="Ulm")]
    brought(*places)
    before = catalogue()

    report = brought(*places)

    assert report.status == "unchanged"
    assert facility_counts(report) == {}
    assert catalogue() == before


def test_an_entry_of_the_same_key_is_the_same_facility_whatever_else_changed():
    brought(place("a", "River", city="Ulm"))
    facility = Facility.objects.get()

    report = brought(place("a", "Lake", LAKE, city="Bonn", website="lake.example"))

    assert facility_counts(report) == {"renamed": 1}
    facility.refresh_from_db()
    assert (facility.name, facility.city, facility.website) == ("Lake", "Bonn", "lake.example")
    assert [source.fhir_base_url for source in facility.sources.all()] == [LAKE]


def test_another_directory_that_lists_the_same_name_and_source_confirms_it():
    brought(place("a", "St. Mary's", city="Ulm", postal_code="94110"))

    report = brought(place("1", "ST MARYS", postal_code="94110-1234"), into="there")

    assert facility_counts(report) == {"merged": 1}
    facility = Facility.objects.get()
    assert (facility.name, facility.city) == ("St. Mary's", "Ulm")
    assert facility.entries.count() == 2


@pytest.mark.parametrize(
    "other",
    [
        place("1", "River", postal_code="10115", city="Ulm"),
        place("1", "River", city="Bonn"),
        place("1", "River", state="OH"),
        place("1", "River", LAKE, city="Ulm"),
        place("1", "River West", city="Ulm"),
    ],
    ids=["another postal code", "another city", "another state", "another source", "another name"],
)
def test_what_contradicts_is_another_facility(other):
    brought(place("a", "River", city="Ulm", state="CA", postal_code="94110"))

    assert facility_counts(brought(other, into="there")) == {"added": 1}


def test_one_shared_source_is_enough_and_the_further_one_is_added():
    brought(place("a", "River", RIVER))

    brought(place("1", "River", RIVER, LAKE), into="there")

    facility = Facility.objects.get()
    assert {source.fhir_base_url for source in facility.sources.all()} == {RIVER, LAKE}


def test_no_facility_is_two_places_of_one_listing():
    brought(place("a", "River"))

    brought(place("1", "River", postal_code="94110"), place("2", "River", postal_code="10115"), into="there")

    assert Facility.objects.count() == 2


def test_new_ids_and_a_new_name_at_an_address_of_its_own_are_the_same_facility_renamed():
    brought(place("a", "River"), place("b", "Lake", LAKE))
    ids = set(Facility.objects.values_list("pk", flat=True))

    report = brought(place("x", "River Health"), place("y", "Lake", LAKE))

    assert facility_counts(report) == {"renamed": 1, "relisted": 1}
    assert set(Facility.objects.values_list("pk", flat=True)) == ids
    assert names() == {"River Health", "Lake"}


def test_an_address_that_several_share_says_nothing_about_who_they_are():
    brought(place("a", "One"), place("b", "Two"))

    report = brought(place("x", "Three"), place("y", "Four"), force=True)

    assert facility_counts(report) == {"added": 2, "retired": 2}


def test_entries_that_differ_in_case_only_are_one_with_all_their_names_and_npis():
    report = brought(
        place("a", "Folsom Clinic", city="Folsom", npis=("1111111111",)),
        place("b", "FOLSOM CLINIC", city="FOLSOM", npis=("2222222222",), aliases=("Old Clinic",)),
        place("c", "Folsom Clinic", city="Auburn"),
    )

    assert facility_counts(report) == {"added": 2, "merged": 1}
    folsom = Facility.objects.get(city="Folsom")
    assert (folsom.name, folsom.npis, folsom.aliases) == (
        "Folsom Clinic",
        ["1111111111", "2222222222"],
        ["Old Clinic"],
    )
    assert DirectoryEntry.objects.filter(facility=folsom).count() == 2


def test_names_in_other_scripts_are_told_apart():
    brought(place("a", "東京病院"), place("b", "大阪病院"), place("c", "???"))

    assert names() == {"東京病院", "大阪病院", "???"}


def test_a_brand_that_is_its_own_facility_in_disguise_is_no_brand_of_itself():
    brought(place("a", "River"), place("b", "RIVER", brand="a"))

    assert Facility.objects.get().brand is None


class TestDescribing:
    """The directory that describes best is believed; the others only confirm."""

    PLAIN = [place("1", "RIVER HOSP", postal_code="94110"), place("2", "Hill", HILL)]
    BUNDLE = [place("a", "River Hosp", city="Ulm"), place("b", "Lake", LAKE)]

    def plain(self):
        return brought(*self.PLAIN, into="plain", well=False)

    def bundle(self):
        return brought(*self.BUNDLE, into="bundle")

    def test_a_bundle_takes_over_from_a_plain_list_and_not_the_other_way_round(self):
        self.plain()
        assert facility_counts(self.bundle()) == {"merged": 1, "added": 1}
        facility = Facility.objects.get(name="River Hosp")
        assert (facility.city, facility.described_by.name) == ("Ulm", "bundle")

        assert facility_counts(self.plain()) == {}

    @pytest.mark.parametrize("order", ["pbpb", "bpbp"])
    def test_importing_both_in_turn_changes_nothing_after_the_first_round(self, order):
        steps = [self.plain if letter == "p" else self.bundle for letter in order]
        for step in steps[:2]:
            step()
        before = catalogue()

        reports = [step() for step in steps[2:]]

        assert [report.status for report in reports] == ["unchanged", "unchanged"]
        assert catalogue() == before

    def test_among_equals_the_first_is_believed(self):
        brought(place("a", "River", website="one.example"))
        brought(place("a", "RIVER", website="two.example"), into="there")

        assert Facility.objects.get().website == "one.example"

    def test_when_the_describing_one_drops_it_the_other_goes_on_and_is_read_in_full_next_time(self):
        brought(place("a", "River", website="one.example"), place("b", "Lake", LAKE))
        brought(place("a", "River", website="two.example"), into="there")

        brought(place("b", "Lake", LAKE))
        facility = Facility.objects.get(name="River")
        assert (facility.retired_at, facility.described_by.name) == (None, "there")
        assert facility.described_by.sha256 == ""

        brought(place("a", "River", website="two.example"), into="there")
        facility.refresh_from_db()
        assert facility.website == "two.example"


class TestStaffsOwn:
    def test_a_facility_made_by_staff_is_confirmed_and_never_changed_or_retired(self):
        source = add_source(name="River", fhir_base_url=RIVER, environment="production", type="epic")
        before = catalogue()

        brought(place("a", "River", city="Ulm"), place("b", "Lake", LAKE))
        own = Facility.objects.get(made_for=source)
        assert (own.city, own.entries.count(), own.described_by) == ("", 1, None)

        brought(place("b", "Lake", LAKE))
        after = catalogue()
        assert before["sources_source"][0] in after["sources_source"]
        assert before["sources_facility"][0] in after["sources_facility"]

    def test_a_source_added_by_hand_keeps_its_name_and_stays_when_a_directory_drops_it(self):
        add_source(name="By hand", fhir_base_url=RIVER, environment="production")
        brought(place("a", "Clinic", RIVER), place("b", "Lake", LAKE), vendor="epic")

        brought(place("b", "Lake", LAKE), vendor="epic")

        source = Source.objects.get(fhir_base_url=RIVER)
        assert (source.name, source.type, source.retired_at) == ("By hand", None, None)
