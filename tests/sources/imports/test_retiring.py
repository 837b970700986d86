"""What is listed no longer is retired, never deleted; what comes back returns; too much at once is refused."""

import pytest

from organizations.models import Environment
from sources.imports import ImportRefusedError
from sources.models import Catalogue, Directory, DirectoryImport, Facility, Source, Status
from sources.reading.listing import ListedSource
from tests.sources.catalogue import private_source
from tests.sources.catalogue import source as made_source
from tests.sources.imports.listings import HILL, LAKE, RIVER, brought, catalogue, facility_counts, place

pytestmark = pytest.mark.django_db
BOTH = [place("a", "River", RIVER), place("b", "Lake", LAKE)]


def retired(model) -> set[str]:
    return set(model.objects.exclude(retired_at=None).values_list("name", flat=True))


def test_what_no_directory_lists_any_more_is_retired_with_its_source():
    brought(*BOTH)

    report = brought(BOTH[0])

    assert facility_counts(report) == report.of("sources") == {"retired": 1}
    assert retired(Facility) == {"Lake"}
    assert retired(Source) == {f"Source at {LAKE}"}
    assert Facility.objects.get(name="Lake").sources.count() == 1


def test_a_source_stays_while_one_place_is_left_there():
    brought(place("a", "River"), place("b", "River East"))

    report = brought(place("a", "River"))

    assert retired(Facility) == {"River East"}
    assert report.of("sources") == {}


def test_what_comes_back_is_the_same_facility_and_shown_again():
    brought(*BOTH)
    ids = set(Facility.objects.values_list("pk", flat=True))
    brought(BOTH[0])

    report = brought(*BOTH)

    assert facility_counts(report) == report.of("sources") == {"returned": 1}
    assert set(Facility.objects.filter(retired_at=None).values_list("pk", flat=True)) == ids
    assert retired(Source) == set()


def test_what_comes_back_in_another_directory_is_described_by_that_one():
    brought(*BOTH)
    brought(BOTH[0])

    report = brought(place("x", "Lake", LAKE, website="lake.example"), into="there", well=False)

    assert facility_counts(report) == {"returned": 1}
    lake = Facility.objects.get(name="Lake")
    assert (lake.website, lake.described_by.name) == ("lake.example", "there")


def test_one_may_always_go_and_more_than_a_tenth_needs_force():
    many = [place(str(number), f"Place {number}") for number in range(30)]
    brought(*many)
    before, version = catalogue(), Catalogue.current_version()

    with pytest.raises(ImportRefusedError, match=r"would retire 4 of the 30 places .* --force"):
        brought(*many[4:])
    assert (catalogue(), Catalogue.current_version()) == (before, version)

    assert facility_counts(brought(*many[3:])) == {"retired": 3}
    assert facility_counts(brought(*many[10:], force=True)) == {"retired": 7}


def test_sources_are_counted_apart():
    places = [place(str(number), f"Place {number}") for number in range(30)]
    brought(*places, place("l", "Lake", LAKE), place("h", "Hill", HILL))

    with pytest.raises(ImportRefusedError, match="would retire 2 of the 3 sources"):
        brought(*places)


def test_a_dry_run_says_the_same_and_leaves_nothing():
    brought(*BOTH)
    before, imports = catalogue(), DirectoryImport.objects.count()

    dry = brought(BOTH[0], place("c", "Hill", HILL), dry_run=True)

    assert (catalogue(), DirectoryImport.objects.count()) == (before, imports)
    real = brought(BOTH[0], place("c", "Hill", HILL))
    assert (dry.counts, dry.lines) == (real.counts, real.lines)


def test_the_catalogue_gets_a_new_version_only_when_something_changed():
    brought(*BOTH)
    version = Catalogue.current_version()

    brought(*BOTH)
    assert Catalogue.current_version() == version
    brought(BOTH[0])
    assert Catalogue.current_version() != version


def test_a_listing_of_nothing_usable_is_refused(production_organization):
    private_source(production_organization, fhir_base_url=RIVER)

    with pytest.raises(
        ImportRefusedError, match=r"Nothing in it can be used\. 1 × source that belongs to one workspace"
    ):
        brought(place("a", "River"))
    assert not Facility.objects.exists()
    assert not Directory.objects.exists()


def test_sources_of_the_other_environment_and_private_ones_are_refused_by_name(production_organization):
    made_source("Pretend River", environment="sandbox", fhir_base_url=RIVER)
    private_source(production_organization, "Private", fhir_base_url=LAKE)

    report = brought(*BOTH, place("c", "Hill", RIVER, HILL))

    assert report.refusals == {
        "source that belongs to the other environment": 1,
        "source that belongs to one workspace": 1,
        "no usable FHIR endpoint, neither its own nor its brand's": 2,
    }
    assert f"    {RIVER}" in report.lines
    assert set(Source.objects.values_list("name", flat=True)) == {"Pretend River", "Private", f"Source at {HILL}"}
    assert [source.fhir_base_url for source in Facility.objects.get().sources.all()] == [HILL]


def test_a_directory_of_the_same_name_in_the_other_environment_is_another():
    brought(place("a", "River"))
    brought(place("a", "Pretend River", LAKE), environment=Environment.SANDBOX)

    assert set(Facility.objects.values_list("name", "sources__environment")) == {
        ("River", "production"),
        ("Pretend River", "sandbox"),
    }


def test_nothing_never_takes_the_place_of_a_sources_vendor_portal_or_logo():
    told = ListedSource(RIVER, "River", "epic", "https://my.river.example", "https://river.example/logo.png")
    brought(place("a", "River"), sources=[told])

    assert brought(place("a", "River"), sources=[ListedSource(RIVER, "River")]).status == Status.UNCHANGED

    source = Source.objects.get()
    assert (source.type, source.portal_url, source.logo_url) == (told.vendor, told.portal_url, told.logo_url)


def test_the_vendor_of_the_command_goes_before_that_of_the_file():
    brought(place("a", "River"), sources=[ListedSource(RIVER, "River", "other")], vendor="epic")

    assert Source.objects.get().type == "epic"


def test_a_lesser_directory_fills_what_the_better_one_left_open():
    brought(place("a", "River"), sources=[ListedSource(RIVER, "River")])

    brought(place("a", "River"), sources=[ListedSource(RIVER, "RIVER", "epic")], into="there", well=False)

    source = Source.objects.get()
    assert (source.name, source.type, source.described_by.name) == ("River", "epic", "here")
