"""Importing a directory: what it adds, what it leaves alone, and that it is all or nothing."""

import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from organizations.models import Environment
from sources.base_urls import source_id
from sources.directory import Tally, import_directory
from sources.listing import Refusal, UnreadableDirectoryError
from sources.models import Catalogue, Facility, Source
from sources.operations import add_source
from tests.sources import catalogue
from tests.sources.bundles import bundle, endpoint, organization, part_of, portal
from tests.sources.directories import content_of, needs_directories

pytestmark = pytest.mark.django_db
R4, KIDS = "https://fhir.river.example/r4", "https://kids.river.example/r4"
NOVEMBER = "oracle-health/millennium_patient_r4_endpoints.2025-11-21.json.gz"
FEBRUARY = "oracle-health/millennium_patient_r4_endpoints.2026-02-20.json.gz"


def river(**more):
    """A brand with two portals and a clinic of it."""
    brand = {"name": "River", "endpoints": (1, 2), "address": [{"state": "CA"}, {"state": "NV"}]} | more
    return bundle(
        organization(4, "River Clinic", partOf=part_of(3), address=[{"city": "Folsom", "state": "CA"}]),
        organization(3, **brand),
        endpoint(1, R4),
        endpoint(2, KIDS),
    )


def load(content, environment=Environment.PRODUCTION, vendor=None):
    return import_directory(content=content, environment=environment, vendor=vendor)


def snapshot():
    """Everything the catalogue holds, with when it was written."""
    return (
        Catalogue.current_version(),
        list(Source.objects.order_by("pk").values()),
        list(Facility.objects.order_by("pk").values()),
        list(Facility.sources.through.objects.order_by("pk").values()),
    )


def test_brands_facilities_and_sources_are_added_and_tied_together():
    report = load(river(), vendor="epic")

    assert (report.sources, report.facilities) == (Tally(added=2), Tally(added=2))
    brand, clinic = Facility.objects.order_by("name")
    assert (clinic.brand, clinic.city, clinic.state, brand.places) == (brand, "Folsom", "CA", ["CA", "NV"])
    ids = {source_id(R4), source_id(KIDS)}
    assert set(brand.sources.values_list("pk", flat=True)) == set(clinic.sources.values_list("pk", flat=True)) == ids
    source = Source.objects.get(pk=source_id(R4))
    assert (source.fhir_base_url, source.type, source.environment) == (R4, "epic", "production")
    assert source.organization is None


def test_the_same_file_twice_changes_nothing():
    load(river(), vendor="epic")
    before = snapshot()

    report = load(river(), vendor="epic")

    assert (report.sources, report.facilities) == (Tally(unchanged=2), Tally(unchanged=2))
    assert snapshot() == before


def test_what_is_listed_differently_is_updated_and_keeps_its_id():
    load(river())
    version, ids = Catalogue.current_version(), set(Facility.objects.values_list("pk", flat=True))

    report = load(river(name="River Health", endpoints=(1,)))

    assert (report.sources, report.facilities) == (Tally(updated=1), Tally(updated=2))
    assert set(Facility.objects.values_list("pk", flat=True)) == ids
    brand = Facility.objects.get(name="River Health")
    assert list(brand.sources.values_list("fhir_base_url", flat=True)) == [R4]
    assert Source.objects.filter(pk=source_id(KIDS)).exists()  # an import removes nothing
    assert Catalogue.current_version() != version


def test_what_the_file_leaves_open_stays_as_it_is():
    load(river(extension=[portal("MyRiver", "https://my.river.example", 1)]), vendor="epic")

    report = load(river())

    source = Source.objects.get(pk=source_id(R4))
    assert (source.type, source.portal_url) == ("epic", "https://my.river.example")
    assert report.sources.added == 0


def test_a_source_added_by_hand_keeps_its_id_and_gets_the_directorys_name():
    added = add_source(name="By hand", fhir_base_url=R4, environment="production", type="epic")

    report = load(river())

    assert (report.sources.added, report.sources.updated) == (1, 1)
    renamed = Source.objects.get(pk=added.pk)
    assert (renamed.name, renamed.type, renamed.created_at) == ("River", "epic", added.created_at)


def test_a_source_of_the_other_environment_is_not_touched():
    catalogue.source("Sandbox River", environment="sandbox", fhir_base_url=R4)

    report = load(river())

    assert Source.objects.get(pk=source_id(R4)).name == "Sandbox River"
    assert report.refusals == {Refusal.OTHER_ENVIRONMENT: 1}
    assert set(Facility.sources.through.objects.values_list("source_id", flat=True)) == {source_id(KIDS)}


def test_a_private_source_is_not_touched_and_places_with_no_other_are_refused(production_organization):
    for url in (R4, KIDS):
        catalogue.private_source(production_organization, "Private", fhir_base_url=url)

    report = load(river())

    assert set(Source.objects.values_list("name", flat=True)) == {"Private"}
    assert report.refusals == {Refusal.PRIVATE: 2, Refusal.NO_ENDPOINT: 2}
    assert not Facility.objects.exists()


def test_one_file_for_both_environments_does_not_rewrite_the_others_facilities():
    load(bundle(endpoint(1, R4), organization(2, "River", endpoints=(1,))))

    load(bundle(endpoint(1, KIDS), organization(2, "Pretend River", endpoints=(1,))), environment="sandbox")

    assert set(Facility.objects.values_list("name", "sources__environment")) == {
        ("River", "production"),
        ("Pretend River", "sandbox"),
    }


def test_refusals_are_counted_and_the_rest_is_imported():
    report = load(
        bundle(
            endpoint(1, R4),
            organization(2, "River", endpoints=(1,)),
            endpoint(3, "http://insecure.example/r4"),
            organization(4, "Insecure", endpoints=(3,)),
            organization(5, "", endpoints=(1,)),
        )
    )

    assert report.facilities == Tally(added=1)
    assert report.refusals == {Refusal.NOT_HTTPS: 1, Refusal.NO_ENDPOINT: 1, Refusal.NO_NAME: 1}


@pytest.mark.parametrize(
    "content",
    [river()[:-40], gzip.compress(river())[:-10], b"\x1f\x8b\x00\x00", b"not json", json.dumps({"entry": []}).encode()],
    ids=["cut JSON", "cut gzip", "no gzip", "no JSON", "no Bundle"],
)
def test_a_broken_file_changes_nothing(content):
    load(river())
    before = snapshot()

    with pytest.raises(UnreadableDirectoryError):
        load(content)

    assert snapshot() == before


def test_an_import_that_fails_half_way_leaves_nothing(monkeypatch):
    monkeypatch.setattr("sources.directory._store_links", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        load(river())

    assert not Source.objects.exists()
    assert Catalogue.current_version() == ""


def test_the_number_of_queries_does_not_grow_with_the_file(django_assert_max_num_queries):
    many = bundle(endpoint(1, R4), *(organization(n, f"Place {n}", endpoints=(1,)) for n in range(2, 500)))

    with django_assert_max_num_queries(20):
        report = load(many)
    with django_assert_max_num_queries(12):
        load(many)

    assert report.facilities.added == 498


class TestCommand:
    def run(self, path, *arguments):
        out = StringIO()
        call_command("import_directory", path, *arguments, stdout=out)
        return out.getvalue().splitlines()

    def test_it_prints_what_it_did(self, tmp_path):
        (tmp_path / "river.json.gz").write_bytes(gzip.compress(river(partOf=part_of(9))))

        lines = self.run(str(tmp_path / "river.json.gz"), "--environment", "sandbox", "--vendor", "epic")

        assert lines == [
            "Into the sandbox catalogue:",
            "Sources:    2 added, 0 updated, 0 unchanged",
            "Facilities: 2 added, 0 updated, 0 unchanged",
            "Refused:    1 × reference to an entry that is not in the file",
        ]
        assert set(Source.objects.values_list("environment", "type")) == {("sandbox", "epic")}

    @pytest.mark.parametrize("arguments", [[], ["--vendor", "not a slug"]])
    def test_it_fails_with_a_sentence(self, tmp_path, arguments):
        (tmp_path / "broken.json").write_bytes(river()[:100] if not arguments else river())

        with pytest.raises(CommandError, match=r"Nothing was imported|slug"):
            self.run(str(tmp_path / "broken.json"), *arguments)
        with pytest.raises(CommandError):
            self.run(str(tmp_path / "missing.json"))
        assert not Source.objects.exists()


@needs_directories
class TestOracleHealth:
    def test_it_is_imported_completely_and_only_once(self):
        first, second = (load(content_of(FEBRUARY), vendor="cerner") for _ in range(2))

        assert (first.sources, first.facilities) == (Tally(added=1359), Tally(added=1359))
        assert (second.sources, second.facilities) == (Tally(unchanged=1359), Tally(unchanged=1359))
        assert not first.refusals
        assert Facility.sources.through.objects.count() == 1359

    def test_the_next_edition_adds_five_and_renames_four(self):
        load(content_of(NOVEMBER), vendor="cerner")

        report = load(content_of(FEBRUARY), vendor="cerner")

        assert (report.sources.added, report.sources.updated) == (5, 4)
        assert report.facilities.added == 5
        assert Facility.objects.count() == 1361 + 5
