"""Made-up directories and catalogues are real enough to be imported and searched."""

import json
from collections import Counter
from itertools import pairwise

import pytest

from bench.catalogue import made_up_bundle
from bench.epic_scale import write_directory
from bench.filling import VENDOR, fill
from bench.made_up_catalogue import made_up_facilities, made_up_sources
from bench.mixes import mixes
from organizations.models import Environment
from sources.imports import import_file
from sources.models import ClientRegistration, Facility, Portal, Source
from sources.reading import read_directory
from sources.search import search
from tests.sources.reading.files import read_content

SOURCES = [("Bluebell Health", "https://a.example/fhir/R4"), ("Kite Clinic", "https://b.example/fhir/R4")]
SMALL = {"organizations": 900, "endpoints": 20, "brands": 70}


@pytest.fixture
def written(tmp_path):
    """A small file in the form of the largest directory."""
    path = tmp_path / "brands.json"
    write_directory(path, **SMALL)
    return path


def test_the_same_arguments_make_the_same_bundle_and_another_seed_another():
    assert made_up_bundle(SOURCES, 300, 7) == made_up_bundle(SOURCES, 300, 7)
    assert made_up_bundle(SOURCES, 300, 7) != made_up_bundle(SOURCES, 300, 8)


def test_it_has_as_many_facilities_as_asked_for_at_all_sources_and_nothing_refused():
    listing = read_content(json.dumps(made_up_bundle(SOURCES, 2000, 1)).encode(), sandbox=False)

    assert len(listing.facilities) == 2000
    assert {source.fhir_base_url for source in listing.sources} == {url for _, url in SOURCES}
    assert {source.name for source in listing.sources} == {name for name, _ in SOURCES}
    assert not +listing.refusals


def test_it_is_varied_like_a_real_one():
    listing = read_content(json.dumps(made_up_bundle(SOURCES, 2000, 1)).encode(), sandbox=False)
    places: dict[str, set[str]] = {}
    for facility in listing.facilities:
        places.setdefault(facility.name, set()).add(facility.address.place)

    assert len(places) > 800
    assert sum(len(towns) > 1 for towns in places.values()) > 100
    assert any(len(facility.base_urls) == 2 for facility in listing.facilities)
    assert sum(facility.brand is not None for facility in listing.facilities) > 1900


@pytest.mark.django_db
def test_it_can_be_imported_and_searched(organization, tmp_path):
    path = tmp_path / "brands.json"
    path.write_text(json.dumps(made_up_bundle(SOURCES, 400, 1)))
    report = import_file(path, environment="sandbox", vendor="epic")
    ClientRegistration.objects.create(vendor="epic", environment="sandbox", client_id="app")

    assert report.of("sources") == {"added": 2}
    assert report.of("facilities") == {"added": 400}
    for made in Facility.objects.exclude(city="").order_by("pk")[:20]:
        hits = search(f"{made.name} {made.city} {made.postal_code}", organization=organization, limit=10).hits
        assert made in [hit.facility for hit in hits]


def test_the_largest_directorys_form_is_read_without_refusals(written):
    listing = read_directory(written, sandbox=False)

    assert len(listing.facilities) == SMALL["organizations"]
    assert len(listing.sources) == SMALL["endpoints"]
    assert not +listing.refusals


def test_it_has_brands_with_states_and_places_with_towns(written):
    listing = read_directory(written, sandbox=False)
    brands = [one for one in listing.facilities if one.brand is None]
    places = [one for one in listing.facilities if one.brand is not None]

    assert len(brands) == SMALL["brands"]
    assert all(one.aliases and not one.address.city for one in brands)
    assert all(one.address.state and one.address.postal_code for one in places)
    assert any(not one.address.city for one in places)
    assert any("-" in one.address.postal_code for one in places)


def test_several_brands_share_an_endpoint_and_names_come_twice_with_small_differences(written):
    listing = read_directory(written, sandbox=False)
    brands = Counter(one.base_urls[0] for one in listing.facilities if one.brand is None)
    nearly_the_same = [
        one.name for one, other in pairwise(listing.facilities) if one.name.lower() == other.name.lower()
    ]

    assert max(brands.values()) == 1 + 41
    assert nearly_the_same


def test_the_same_arguments_write_the_same_file(written, tmp_path):
    again = tmp_path / "again.json"
    write_directory(again, **SMALL)

    assert again.read_bytes() == written.read_bytes()


def test_a_made_up_catalogue_lists_brands_before_their_places_and_every_source_exists():
    sources = made_up_sources(3000, 1)
    facilities = list(made_up_facilities(3000, sources, 1))

    assert [one.pk for one in facilities] == list(range(1, 3001))
    assert all(one.brand is None or one.brand < one.pk for one in facilities)
    assert all(one.sources and max(one.sources) < len(sources) for one in facilities)
    assert len({source.fhir_base_url for source in sources}) == len(sources)


@pytest.mark.django_db
def test_a_made_up_catalogue_is_filled_in_and_found(production_organization):
    filled = fill(600, seed=1)

    assert Facility.objects.count() == len(filled.sample) == 600
    assert Source.objects.filter(type=VENDOR, environment=Environment.PRODUCTION).count() == len(filled.sources)
    assert Portal.objects.count() >= 600
    for made in filled.sample[:20]:
        hits = search(f"{made.name} {made.town[2]}", organization=production_organization, limit=10).hits
        assert made.name in [hit.facility.name for hit in hits]


@pytest.mark.django_db
def test_hundreds_of_different_queries_are_drawn_of_each_kind_the_same_for_a_seed():
    filled = fill(3000, seed=1)
    drawn = mixes(filled, seed=1)

    assert drawn == mixes(filled, seed=1)
    assert all(len({asked.text.lower() for asked in queries}) == len(queries) for queries in drawn.values())
    assert {kind for kind, queries in drawn.items() if len(queries) < 300} <= {
        "one letter",
        "two letters",
        "an address",
    }
    assert all(asked.near for asked in drawn["near a place"])
