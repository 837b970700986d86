"""Taking imports back: exactly to what was before, but for what changed since."""

import pytest
from django.core.management import CommandError, call_command

from organizations.models import Organization
from patients.models import Connection, Patient
from sources.imports import ImportRefusedError, roll_back
from sources.models import Catalogue, Directory, DirectoryImport, Facility, Source, Status
from sources.reading.listing import ListedPortal, ListedSource
from tests.sources.catalogue import ClientRegistration
from tests.sources.imports.listings import HILL, LAKE, RIVER, brought, catalogue, place

pytestmark = pytest.mark.django_db

FIRST = [
    place("brand", "River", ListedPortal(RIVER, "MyRiver"), LAKE),
    place("clinic", "River Clinic", brand="brand", city="Ulm"),
    place("twin", "RIVER CLINIC", brand="brand", city="ULM"),
    place("hill", "Hill", HILL),
]
SECOND = [
    place("brand", "River Health", ListedPortal(RIVER, "MyRiver 2", "For adults")),
    place("clinic", "River Clinic", city="Bonn", npis=("1111111111",)),
    place("new", "Valley", "https://valley.example/r4", brand="brand"),
]
THIRD = [place("brand", "River", RIVER, LAKE), place("x", "Hill", HILL), place("y", "Dale", LAKE)]


def test_every_import_can_be_taken_back_to_the_very_rows():
    states, reports = [catalogue()], []
    for places, into, well in ((FIRST, "here", True), (SECOND, "here", True), (THIRD, "there", False)):
        reports.append(brought(*places, into=into, well=well, force=True, vendor="epic"))
        states.append(catalogue())

    for report, state in zip(reversed(reports), states[-2::-1], strict=True):
        assert roll_back(report.import_id).left == []
        assert catalogue() == state

    assert not Facility.objects.exists()
    assert set(DirectoryImport.objects.values_list("status", flat=True)) == {"rolled_back"}


def test_an_earlier_import_goes_and_what_a_later_one_changed_stays():
    first = brought(*FIRST)
    second = brought(place("brand", "River II", RIVER, LAKE), *FIRST[1:])

    rolled_back = roll_back(first.import_id)

    assert set(rolled_back.left) == {
        "River II (changed since)",
        f"Source at {RIVER} (used by other places)",
        f"Source at {LAKE} (used by other places)",
    }
    assert set(Facility.objects.values_list("name", flat=True)) == {"River II"}
    assert "what changed since" in DirectoryImport.objects.get(pk=first.import_id).reason
    assert roll_back(second.import_id).left == []
    assert Facility.objects.get().name == "River"


def test_a_field_changed_again_since_stays_and_the_others_go_back():
    brought(place("a", "One", city="Ulm"))
    second = brought(place("a", "Two", city="Bonn"))
    brought(place("a", "Three", city="Bonn"))

    assert roll_back(second.import_id).left == ["Two (name)"]

    facility = Facility.objects.get()
    assert (facility.name, facility.city) == ("Three", "Ulm")


def test_what_another_directory_lists_too_stays_as_that_ones():
    first = brought(place("a", "River"), place("b", "Lake", LAKE))
    brought(place("1", "River"), into="there")

    left = roll_back(first.import_id).left

    river = Facility.objects.get()
    assert (river.name, river.described_by.name, river.retired_at) == ("River", "there", None)
    assert "River (listed elsewhere, too)" in left
    assert Source.objects.get().described_by.name == "there"


def test_retired_rows_return_and_their_version_changes():
    brought(*FIRST[:2], FIRST[3])
    second = brought(*FIRST[:2])
    version = Catalogue.current_version()
    assert Facility.objects.exclude(retired_at=None).count() == 1

    roll_back(second.import_id)

    assert not Facility.objects.exclude(retired_at=None).exists()
    assert Catalogue.current_version() != version


def test_what_somebody_is_connected_to_is_retired_and_not_deleted():
    organization = Organization.objects.create(name="Acme", environment="production")
    report = brought(place("a", "River"), place("b", "Lake", LAKE), place("c", "Hill", HILL))
    patient = Patient.objects.create(organization=organization, reference="patient-1")
    Connection.objects.create(patient=patient, source=Source.objects.get(fhir_base_url=RIVER))
    ClientRegistration.objects.create(
        source=Source.objects.get(fhir_base_url=LAKE), environment="production", client_id="us"
    )
    Facility.objects.filter(name="Hill").update(times_chosen=3)

    left = roll_back(report.import_id).left

    assert set(Source.objects.exclude(retired_at=None).values_list("fhir_base_url", flat=True)) == {RIVER, LAKE, HILL}
    assert Facility.objects.get().name == "Hill"
    assert Facility.objects.get().retired_at is not None
    assert "Hill (in use, retired)" in left


def test_the_next_edition_is_read_in_full_after_a_rollback():
    report = brought(*FIRST)
    Directory.objects.update(etag='"1"', sha256="a" * 64)

    roll_back(report.import_id)

    assert Directory.objects.values_list("etag", "sha256").get() == ("", "")
    again = brought(*FIRST)
    assert (again.status, again.counts) == (Status.APPLIED, report.counts)


def test_a_source_described_anew_gets_its_values_back():
    brought(place("a", "River"), sources=[ListedSource(RIVER, "River", "epic")], well=False)
    before = catalogue()
    better = brought(place("1", "River"), sources=[ListedSource(RIVER, "River Health", "cerner")], into="there")
    assert Source.objects.get().name == "River Health"

    roll_back(better.import_id)

    assert catalogue() == before


def test_only_what_was_applied_can_be_taken_back_and_only_once():
    report = brought(*FIRST)
    unchanged = brought(*FIRST)

    with pytest.raises(ImportRefusedError, match="changed nothing"):
        roll_back(unchanged.import_id)
    with pytest.raises(CommandError, match="There is no import NOTHING"):
        call_command("rollback_import", "NOTHING")
    call_command("rollback_import", report.import_id)
    with pytest.raises(CommandError, match="rolled back already"):
        call_command("rollback_import", report.import_id)
