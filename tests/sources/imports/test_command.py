"""`manage.py import_directory`: what it prints, what it leaves alone, and that each file is all or nothing."""

import gzip
import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bench.catalogue import made_up_bundle
from sources.base_urls import source_id
from sources.imports import ImportRefusedError, directory_name, import_file
from sources.models import Catalogue, Directory, DirectoryImport, Facility, Source
from tests.sources.bundles import bundle, endpoint, organization, part_of
from tests.sources.imports.listings import LAKE, RIVER, catalogue

pytestmark = pytest.mark.django_db


def river(**more) -> bytes:
    """A brand with two portals and a clinic of it."""
    brand = {"name": "River", "endpoints": (1, 2), "address": [{"state": "CA"}, {"state": "NV"}]} | more
    return bundle(
        organization(4, "River Clinic", partOf=part_of(3), address=[{"city": "Folsom", "state": "CA"}]),
        organization(3, **brand),
        endpoint(1, RIVER),
        endpoint(2, LAKE),
    )


@pytest.fixture
def file(tmp_path):
    """Writes a file and says where it is."""

    def write(content: bytes, name: str = "river.2026-02-20.json") -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def run(*arguments) -> list[str]:
    out = StringIO()
    call_command("import_directory", *arguments, stdout=out)
    return out.getvalue().splitlines()


def refused(*arguments) -> str:
    """What the command says before it fails."""
    problems = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("import_directory", *arguments, stdout=StringIO(), stderr=problems)
    return f"{problems.getvalue()}{error.value}"


def test_brands_facilities_and_sources_are_added_and_tied_together(file):
    run(file(river()), "--environment", "production", "--vendor", "epic")

    brand, clinic = Facility.objects.order_by("name")
    assert (clinic.brand, clinic.city, clinic.state, brand.places) == (brand, "Folsom", "CA", ["CA", "NV"])
    ids = {source_id(RIVER), source_id(LAKE)}
    assert set(brand.sources.values_list("pk", flat=True)) == set(clinic.sources.values_list("pk", flat=True)) == ids
    source = Source.objects.get(pk=source_id(RIVER))
    assert (source.fhir_base_url, source.type, source.environment) == (RIVER, "epic", "production")
    assert source.organization is None


def test_it_prints_what_it_did(file):
    lines = run(file(gzip.compress(river(partOf=part_of(9)))), "--environment", "sandbox", "--vendor", "epic")

    run_id = DirectoryImport.objects.get().pk
    assert lines == [
        f"river (import {run_id})",
        "Into the sandbox catalogue:",
        "Facilities: 2 listed; 2 added",
        "Sources: 2 listed; 2 added",
        "Facilities added (2)",
        "    River",
        "    River Clinic",
        "Sources added (2)",
        *(f"    {source.name}" for source in Source.objects.order_by("name")),
        "Refused: reference to an entry that is not in the file (1)",
        "    urn:uuid:00000000-0000-4000-8000-000000000009",
    ]


def test_long_lists_are_cut_unless_all_is_asked_for(file):
    many = bundle(endpoint(1, RIVER), *(organization(n, f"Place {n}", endpoints=(1,)) for n in range(2, 32)))

    assert "    and 20 more" in run(file(many), "--dry-run")
    assert "    Place 31" in run(file(many), "--dry-run", "--verbose")


def test_the_same_file_again_says_that_nothing_changed_and_changes_nothing(file):
    run(file(river()))
    before, version = catalogue(), Catalogue.current_version()

    assert run(file(river(), "river.2026-05-20.json"))[-1] == "Nothing changed."
    assert (catalogue(), Catalogue.current_version()) == (before, version)


def test_a_dry_run_says_so_and_leaves_nothing(file):
    assert run(file(river()), "--dry-run")[-1] == "This was a dry run: nothing was imported."
    assert not DirectoryImport.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    "content",
    [river()[:-40], gzip.compress(river())[:-10], b"\x1f\x8b\x00\x00", b"not json", json.dumps({"entry": []}).encode()],
    ids=["cut JSON", "cut gzip", "no gzip", "no JSON", "no Bundle"],
)
def test_a_broken_file_changes_nothing_and_is_noted_with_its_directory(file, content):
    run(file(river()))
    before = catalogue()

    assert "Nothing was imported." in refused(file(content))

    assert catalogue() == before
    assert Directory.objects.get().last_result.startswith("Refused. ")


def test_of_several_files_each_is_imported_by_itself_and_failures_are_named(file):
    good, bad, other = file(river()), file(b"{", "bad.json"), file(river(name="Other"), "other.json")

    said = refused(good, bad, other)

    assert f"Not imported: {bad}." in said
    assert set(Directory.objects.values_list("name", flat=True)) == {"river", "other"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--vendor", "not a slug"], "Write the vendor as a slug"),
        (["--watch"], "Only a URL can be watched"),
        (["missing.json", "--directory", "Brands"], "import them one by one to name them"),
    ],
)
def test_it_fails_with_a_sentence(file, arguments, sentence):
    assert sentence in refused(file(river()), *arguments)
    assert not Source.objects.exists()


def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert "Save what it gives, and import that." in refused(str(tmp_path / "pipe"))


def test_a_missing_file_is_a_sentence(tmp_path):
    assert "The file cannot be read: No such file or directory." in refused(str(tmp_path / "missing.json"))


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("data/millennium_patient_r4_endpoints.2026-02-20.json.gz", "millennium_patient_r4_endpoints"),
        ("epic-brands.json", "epic-brands"),
        ("Lantern_20260501.csv", "Lantern"),
        ("2026-02-20.json", "2026-02-20"),
        ("r4.1.json", "r4.1"),
        ("https://open.example/Brands.json", "https://open.example/Brands.json"),
    ],
)
def test_a_directory_is_called_like_its_file_without_the_date(origin, name):
    assert directory_name(origin) == name


def test_an_import_that_fails_half_way_leaves_nothing(file, monkeypatch):
    monkeypatch.setattr("sources.imports.store.store_portals", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(file(river()))

    assert not Source.objects.exists()
    assert Catalogue.current_version() == ""


def test_the_number_of_queries_does_not_grow_with_the_file(file, django_assert_max_num_queries):
    path = file(json.dumps(made_up_bundle([("River", RIVER), ("Lake", LAKE)], 600, 1)).encode())

    with django_assert_max_num_queries(80):
        run(path)
    with django_assert_max_num_queries(80):
        report = import_file(Path(path), environment="sandbox")

    assert report.status == "unchanged"


@pytest.mark.parametrize("name", ["", "x" * 501, "a\x00b", "a\ud800b"])
def test_a_name_that_cannot_be_kept_is_refused_in_a_sentence(tmp_path, name):
    file = tmp_path / "places.json"
    file.write_text('[{"name": "River", "url": "https://fhir.river.example/r4"}]')

    with pytest.raises(ImportRefusedError, match="printable"):
        import_file(file, environment="production", directory=name)
    assert not Directory.objects.exists()


def test_a_file_may_be_called_anything(tmp_path):
    file = tmp_path / os.fsdecode(b"bad\xffname.json")
    file.write_text('[{"name": "River", "url": "https://fhir.river.example/r4"}]')

    assert import_file(file, environment="production").status == "applied"
    assert Directory.objects.get().name == "bad?name"
