"""Made-up directories are real enough to be imported and searched."""

import json
import time

import pytest

from bench.catalogue import made_up_bundle
from sources import brands
from sources.directory import Tally, import_directory
from sources.models import Facility
from sources.search import search
from tests.sources.catalogue import ClientRegistration

SOURCES = [("Bluebell Health", "https://a.example/fhir/R4"), ("Kite Clinic", "https://b.example/fhir/R4")]


def test_the_same_arguments_make_the_same_bundle_and_another_seed_another():
    assert made_up_bundle(SOURCES, 300, 7) == made_up_bundle(SOURCES, 300, 7)
    assert made_up_bundle(SOURCES, 300, 7) != made_up_bundle(SOURCES, 300, 8)


def test_five_thousand_facilities_are_made_in_less_than_a_second():
    started = time.process_time()
    made_up_bundle(SOURCES, 5000, 1)
    assert time.process_time() - started < 1


def test_it_has_as_many_facilities_as_asked_for_at_all_sources_and_nothing_refused():
    listing = brands.read(json.dumps(made_up_bundle(SOURCES, 2000, 1)).encode(), sandbox=False)

    assert len(listing.facilities) == 2000
    assert {source.fhir_base_url for source in listing.sources} == {url for _, url in SOURCES}
    assert {source.name for source in listing.sources} == {name for name, _ in SOURCES}
    assert not +listing.refusals


def test_it_is_varied_like_a_real_one():
    listing = brands.read(json.dumps(made_up_bundle(SOURCES, 2000, 1)).encode(), sandbox=False)
    places: dict[str, set[str]] = {}
    for facility in listing.facilities:
        places.setdefault(facility.name, set()).add(facility.address.place)

    assert len(places) > 800
    assert sum(len(towns) > 1 for towns in places.values()) > 100
    assert any(len(facility.base_urls) == 2 for facility in listing.facilities)
    assert sum(facility.brand is not None for facility in listing.facilities) > 1900


@pytest.mark.django_db
def test_it_can_be_imported_and_searched(organization):
    content = json.dumps(made_up_bundle(SOURCES, 400, 1)).encode()
    report = import_directory(content=content, environment="sandbox", vendor="epic")
    ClientRegistration.objects.create(vendor="epic", environment="sandbox", client_id="app")

    assert (report.sources, report.facilities) == (Tally(added=2), Tally(added=400))
    for made in Facility.objects.exclude(city="").order_by("pk")[:20]:
        hits = search(f"{made.name} {made.city} {made.postal_code}", organization=organization, limit=10)
        assert made in [hit.facility for hit in hits]
