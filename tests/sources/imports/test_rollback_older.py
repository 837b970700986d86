"""Taking back an edition that others followed: what is listed now stays, and stays as it is listed."""

import pytest

from sources.imports import roll_back
from sources.models import DirectoryEntry, Facility, Source
from tests.sources.imports.listings import HILL, LAKE, RIVER, brought, catalogue, place

pytestmark = pytest.mark.django_db
OLD, NEW = "https://old.example/r4", "https://new.example/r4"


def shown() -> set[str]:
    return set(Facility.objects.filter(retired_at=None).values_list("name", flat=True))


def base_urls(facility: Facility) -> set[str]:
    return set(facility.sources.values_list("fhir_base_url", flat=True))


def test_a_place_keeps_the_portals_that_the_newest_edition_lists():
    brought(place("clinic", "Clinic", OLD))
    second = brought(place("clinic", "Clinic", OLD, NEW))
    brought(place("clinic", "Clinic", NEW), force=True)

    left = roll_back(second.import_id).left

    assert left == ["Clinic (entry in the directory, portals)", f"Source at {NEW} (used by other places)"]
    assert base_urls(Facility.objects.get()) == {NEW}
    assert Source.objects.filter(pk__in=DirectoryEntry.objects.get().source_ids).count() == 1


def test_a_place_keeps_the_portals_that_another_directory_lists_since():
    brought(place("clinic", "Clinic", OLD))
    second = brought(place("clinic", "Clinic", OLD, NEW))
    brought(place("1", "Clinic", OLD, NEW), into="there")

    assert "Clinic (portals)" in roll_back(second.import_id).left

    assert base_urls(Facility.objects.get()) == {OLD, NEW}


def test_an_entry_does_not_return_to_a_source_that_is_gone():
    first = brought(place("clinic", "Clinic", OLD))
    second = brought(place("clinic", "Clinic", NEW), force=True)
    roll_back(first.import_id)
    Source.objects.filter(fhir_base_url=OLD).delete()

    left = roll_back(second.import_id).left

    assert "Clinic (entry in the directory, portals)" in left
    assert base_urls(Facility.objects.get()) == {NEW}


def test_a_portal_that_an_entry_lists_again_is_there_again():
    brought(place("clinic", "Clinic", OLD, NEW))
    brought(place("1", "Clinic", NEW), into="there")
    second = brought(place("clinic", "Clinic", OLD), force=True)
    brought(place("1", "Clinic", OLD), into="there", force=True)

    assert roll_back(second.import_id).left == []

    assert base_urls(Facility.objects.get()) == {OLD, NEW}


def test_a_brand_that_is_gone_does_not_return():
    first = brought(place("brand", "River"), place("clinic", "River Clinic", brand="brand"))
    second = brought(place("brand", "River"), place("clinic", "River Clinic"))
    roll_back(first.import_id)

    assert "River Clinic (brand)" in roll_back(second.import_id).left

    assert Facility.objects.get().brand is None


def test_a_place_keeps_the_key_that_it_has_got_since():
    brought(place("o1", "Riverside", RIVER))
    second = brought(place("o2", "Mercy", LAKE), force=True)
    third = [place("o1", "Hill Top", HILL)]
    brought(*third, force=True)

    left = roll_back(second.import_id).left

    assert "Riverside (entry in the directory)" in left
    assert shown() == {"Hill Top"}
    assert DirectoryEntry.objects.get().facility.name == "Hill Top"
    assert brought(*third).status == "unchanged"


def test_keys_that_the_import_gave_to_a_new_and_to_a_known_place_come_back():
    brought(place("o1", "River"), place("o2", "RIVER"), place("o3", "river"), place("o4", "Lake", LAKE))
    before = catalogue()
    second = brought(place("o1", "River"), place("o2", "Hill", HILL), place("o3", "Lake", LAKE))
    assert len(shown()) == DirectoryEntry.objects.count() == 3

    assert roll_back(second.import_id).left == []

    assert catalogue() == before


def test_a_place_is_described_by_a_directory_that_lists_it():
    mercy = place("o2", "Mercy", LAKE)
    brought(mercy, place("o1", "Riverside"))
    second = brought(place("o1", "Riverside"), force=True)
    brought(mercy, place("o3", "Hill", HILL), into="there")
    brought(place("o3", "Hill", HILL), into="there", force=True)

    roll_back(second.import_id)

    assert shown() == {"Mercy", "Riverside", "Hill"}
    assert Facility.objects.get(name="Mercy").described_by.name == "here"
    assert Source.objects.get(fhir_base_url=LAKE).described_by.name == "here"
    brought(place("o2", "Mercy Health", LAKE), place("o1", "Riverside"))
    assert "Mercy Health" in shown()
