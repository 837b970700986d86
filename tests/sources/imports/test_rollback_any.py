"""Editions in any order, any of them taken back at any time: what the catalogue says of itself stays true."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sources.imports import roll_back
from sources.models import DirectoryEntry, DirectoryImport, Facility, Source, Status
from tests.sources.imports.listings import HILL, LAKE, RIVER, brought, place

pytestmark = pytest.mark.django_db
URLS = st.lists(st.sampled_from([RIVER, LAKE, HILL]), min_size=1, max_size=2, unique=True)
NAMES = st.sampled_from(["Riverside", "Mercy"])
EDITIONS = st.dictionaries(st.sampled_from("abc"), st.tuples(NAMES, URLS, st.sampled_from([None, "a"])), min_size=1)
IMPORTS = st.tuples(st.sampled_from(["bundle", "list"]), EDITIONS)
ROLLBACKS = st.integers(0, 5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(IMPORTS | ROLLBACKS, min_size=2, max_size=7))
def test_whatever_is_imported_and_taken_back_the_catalogue_agrees_with_what_is_listed(steps):
    with transaction.atomic():
        for step in steps:
            if isinstance(step, int):
                take_back(step)
            else:
                bring(*step)
            assert_it_agrees()
        transaction.set_rollback(True)


def bring(directory, edition) -> None:
    places = [place(key, name, *urls, brand=brand) for key, (name, urls, brand) in edition.items()]
    brought(*places, into=directory, well=directory == "bundle", force=True)


def take_back(number: int) -> None:
    applied = DirectoryImport.objects.filter(status=Status.APPLIED).order_by("-pk")
    if number < len(applied):
        roll_back(applied[number].pk)


def assert_it_agrees() -> None:
    listed: dict[int, set[str]] = {}
    listing: dict[int | str, set[int]] = {}
    for entry in DirectoryEntry.objects.all():
        listed.setdefault(entry.facility_id, set()).update(entry.source_ids)
        for row in (entry.facility_id, *entry.source_ids):
            listing.setdefault(row, set()).add(entry.directory_id)
    sources = Source.objects.in_bulk()

    for facility in Facility.objects.prefetch_related("portals"):
        portals = {portal.source_id for portal in facility.portals.all()}
        assert (facility.retired_at is None) == (facility.pk in listed)
        assert listed.get(facility.pk, portals) == portals <= sources.keys()
    for row in [*Facility.objects.filter(retired_at=None), *sources.values()]:
        assert row.pk not in listing or row.described_by_id in listing[row.pk]
    for source in sources.values():
        assert (source.retired_at is None) == (source.pk in listing)
