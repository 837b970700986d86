"""Oracle Health's three editions in turn, as their publisher changed ids, names and format."""

import hashlib
import json

import pytest

from sources.imports import ImportRefusedError, import_file, roll_back
from sources.models import Facility, ImportChange, Source
from tests.sources.directories import FOLDER, content_of, needs_directories
from tests.sources.imports.listings import catalogue, facility_counts

pytestmark = [pytest.mark.django_db, needs_directories]
DATES = ["2023-08-25", "2025-11-21", "2026-02-20"]


def file_of(date: str) -> str:
    return f"oracle-health/millennium_patient_r4_endpoints.{date}.json.gz"


def imported(date: str, **order):
    return import_file(FOLDER / file_of(date), environment="production", vendor="cerner", **order)


def organizations(date: str) -> dict[str, dict]:
    entries = (entry["resource"] for entry in json.loads(content_of(file_of(date)))["entry"])
    return {one["id"]: one for one in entries if one["resourceType"] == "Organization"}


def test_each_edition_is_imported_once_and_can_be_taken_back_exactly():
    states, reports = [catalogue()], []
    for date in DATES:
        reports.append(imported(date, force=True))
        states.append(catalogue())
        assert imported(date).status == "unchanged"
        assert catalogue() == states[-1]

    for report, state in zip(reversed(reports), states[-2::-1], strict=True):
        assert roll_back(report.import_id).left == []
        assert catalogue() == state


def test_after_two_years_and_in_another_format_most_are_still_the_same_facilities():
    imported(DATES[0])
    ids = set(Facility.objects.values_list("pk", flat=True))

    with pytest.raises(ImportRefusedError, match="more than 10 %"):
        imported(DATES[1])
    report = imported(DATES[1], force=True)

    shown = Facility.objects.filter(retired_at=None)
    assert shown.count() == 1361
    assert shown.filter(pk__in=ids).count() == 1361 - facility_counts(report)["added"] == 1195


def test_the_last_quarter_brings_the_differences_that_are_known():
    imported(DATES[1])
    urls = dict(Source.objects.values_list("pk", "fhir_base_url"))

    report = imported(DATES[2])

    assert facility_counts(report) == {"added": 5, "retired": 7, "renamed": 4, "moved": 2, "changed": 6}
    assert report.of("sources") == {"added": 5, "retired": 7, "renamed": 4}
    assert urls.items() <= dict(Source.objects.values_list("pk", "fhir_base_url")).items()
    assert Facility.objects.filter(retired_at=None).count() == 1359


def test_all_that_changed_is_among_the_23_organizations_that_did():
    """The other 11 differ in identifiers that are no NPI: the catalogue does not keep them."""
    before, after = organizations(DATES[1]), organizations(DATES[2])
    differing = {one["name"] for pk, one in after.items() if pk in before and before[pk] != one}
    imported(DATES[1])

    imported(DATES[2])

    assert sum(1 for pk in before.keys() & after.keys() if before[pk] != after[pk]) == 23
    changed = ImportChange.objects.filter(
        directory_import__sha256=_sha256(DATES[2]), kind__in=["renamed", "moved", "changed"], source_id=None
    )
    assert changed.count() == 12
    assert set(changed.values_list("name", flat=True)) <= differing


def _sha256(date: str) -> str:
    return hashlib.sha256((FOLDER / file_of(date)).read_bytes()).hexdigest()


def test_the_name_of_the_directory_is_that_of_the_file_without_its_date():
    assert {imported(date, force=True).directory for date in DATES} == {"millennium_patient_r4_endpoints"}
