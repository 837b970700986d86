"""Taking back an edition that others followed: what is listed now stays, and stays as it is listed."""

import pytest

from sources.imports import roll_back
from sources.models import DirectoryEntry, Facility, Source
from tests.sources.imports.listings import brought, place

pytestmark = pytest.mark.django_db
OLD, NEW = "https://old.example/r4", "https://new.example/r4"


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
