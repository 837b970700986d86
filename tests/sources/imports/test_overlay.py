"""What staff edited stays as they left it; what the directory says is noted beside and can be given back."""

import pytest
from django.db import connection

from sources.imports import roll_back
from sources.models import Facility, Portal, Source
from sources.overlay import give_back, pin_edits, pin_portals, portals_of
from sources.reading.listing import ListedPortal, ListedSource
from tests.sources.imports.listings import LAKE, RIVER, brought, catalogue, facility_counts, place

pytestmark = pytest.mark.django_db


def edited(row, **values):
    for name, value in values.items():
        setattr(row, name, value)
    pin_edits(row, values)
    row.save()
    return row


def imported(name: str = "River", **more) -> Facility:
    brought(place("a", name, **more))
    return Facility.objects.get()


def test_an_edited_field_is_kept_and_the_directorys_value_is_noted():
    edited(imported(), name="River Hospital", aliases=["Old River"])

    report = brought(place("a", "RIVER", city="Ulm"))

    facility = Facility.objects.get()
    assert (facility.name, facility.aliases, facility.city) == ("River Hospital", ["Old River"], "Ulm")
    assert facility.directory_values == {"name": "RIVER", "aliases": []}
    assert facility_counts(report) == {"moved": 1, "kept": 1}
    assert "    River Hospital: name: the directory says “RIVER”" in report.lines


def test_what_is_kept_is_reported_once():
    edited(imported(), name="River Hospital")
    brought(place("a", "RIVER"))
    before = catalogue()

    assert brought(place("a", "RIVER")).status == "unchanged"
    assert catalogue() == before


def test_a_field_given_back_has_the_directorys_value_and_follows_it():
    facility = edited(imported(), name="River Hospital")
    brought(place("a", "RIVER"))
    facility.refresh_from_db()

    give_back(facility, "name")
    assert (facility.name, facility.directory_values) == ("RIVER", {})

    brought(place("a", "River Health"))
    facility.refresh_from_db()
    assert facility.name == "River Health"


def test_an_edit_back_to_the_directorys_value_is_no_edit():
    facility = edited(imported(), name="River Hospital")
    edited(facility, name="River")

    assert facility.directory_values == {}


def test_what_staff_made_has_no_directory_to_note():
    facility = Facility.objects.create(name="Own")

    assert edited(facility, name="Renamed").directory_values == {}


def test_an_edited_source_is_kept_too():
    told = ListedSource(RIVER, "River", "epic", "https://my.river.example")
    brought(place("a", "River"), sources=[told])
    edited(Source.objects.get(), name="MyRiver", type=None)

    brought(place("a", "River"), sources=[ListedSource(RIVER, "RIVER", "cerner", "https://new.river.example")])

    source = Source.objects.get()
    assert (source.name, source.type, source.portal_url) == ("MyRiver", None, "https://new.river.example")
    assert source.directory_values == {"name": "RIVER", "type": "cerner"}


class TestPortals:
    def edit(self) -> Facility:
        """Staff renames the portal at RIVER and removes the one at LAKE."""
        brought(place("a", "River", ListedPortal(RIVER, "MyRiver"), LAKE))
        facility = Facility.objects.get()
        before = portals_of(facility)
        Portal.objects.filter(source__fhir_base_url=RIVER).update(name="River for patients")
        Portal.objects.filter(source__fhir_base_url=LAKE).delete()
        pin_portals(facility, before)
        return facility

    def shown(self, facility) -> set:
        return set(facility.portals.values_list("source__fhir_base_url", "name"))

    def test_they_stay_as_staff_chose_them(self):
        facility = self.edit()

        report = brought(place("a", "River", ListedPortal(RIVER, "MyRiver 2"), LAKE))

        assert self.shown(facility) == {(RIVER, "River for patients")}
        assert facility_counts(report) == {"kept": 1}
        assert brought(place("a", "River", ListedPortal(RIVER, "MyRiver 2"), LAKE)).status == "unchanged"

    def test_given_back_they_are_as_the_directory_has_them(self):
        facility = self.edit()
        brought(place("a", "River", ListedPortal(RIVER, "MyRiver 2"), LAKE))
        facility.refresh_from_db()

        give_back(facility, "portals")

        assert self.shown(facility) == {(RIVER, "MyRiver 2"), (LAKE, "")}
        assert brought(place("a", "River", ListedPortal(RIVER, "MyRiver 2"), LAKE)).of("facilities") == {}


def test_rolling_back_leaves_the_edit_and_what_was_said_before_it():
    imported()
    report = brought(place("a", "RIVER"))
    edited(Facility.objects.get(), name="River Hospital")

    roll_back(report.import_id)

    facility = Facility.objects.get()
    assert (facility.name, facility.directory_values) == ("River Hospital", {"name": "River"})


def test_a_brand_that_goes_with_its_import_cannot_be_given_back():
    report = brought(place("b", "River"), place("a", "River Clinic", brand="b"))
    clinic = edited(Facility.objects.get(name="River Clinic"), brand=None)
    roll_back(report.import_id)
    clinic.refresh_from_db()
    assert clinic.directory_values == {"brand_id": None}

    give_back(clinic, "brand_id")

    connection.check_constraints()
    assert Facility.objects.get().brand is None
