"""`GET /directory/brands`: what one reads there is the catalogue again."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from organizations.operations import create_api_key
from sources import brands_views
from sources.imports import import_file
from sources.models import Catalogue, Facility, Portal, Source
from tests.sources.bundles import bundle, endpoint, organization, part_of, portal
from tests.sources.catalogue import facility, private_source, source
from tests.sources.directories import FOLDER, needs_directories
from tests.sources.reading.files import read_content

pytestmark = pytest.mark.django_db
R4, KIDS, LAKE = (f"https://{host}.example/r4" for host in ("fhir.river", "kids.river", "fhir.lake"))
BROWSING = "connections:read"


def portal_with_more(name, url, logo, number):
    made = portal(name, url, number)
    made["extension"] += [{"url": "portalDescription", "valueMarkdown": f"{name} is for you."},
                          {"url": "portalLogo", "valueUrl": logo}]  # fmt: skip
    return made


def river() -> bytes:
    """Two portals of one brand, a brand inside another, a place with a portal of its own, and two on one endpoint."""
    return bundle(
        endpoint(1, R4, name="River"),
        endpoint(2, KIDS, name="River Kids"),
        endpoint(3, LAKE, name="The Lakes"),
        organization(
            10, "River “Health”", endpoints=(1, 2), alias=["RH", "Rivière"],
            telecom=[{"system": "phone", "value": "+1 555 0100"}, {"system": "url", "value": "https://river.example"}],
            identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
            address=[{"state": "CA"}, {"city": "Reno", "state": "NV"}, {"city": "Elsewhere"}],
            extension=[portal_with_more("MyRiver", "https://my.river.example", "https://river.example/1.svg", 1),
                       portal_with_more("KidsRiver", "https://kids.example", "https://river.example/2.svg", 2)],
        ),
        organization(11, "River Clinic", partOf=part_of(10), address=[
            {"line": ["1 Main St"], "city": "Folsom", "state": "CA", "postalCode": "95630", "country": "US"}]),
        organization(12, "River Annex", partOf=part_of(11), endpoints=(1,),
                     extension=[portal("Annex", "https://annex.example", 1)]),
        organization(20, "Lake", endpoints=(3,), extension=[portal("MyLake", "https://my.lake.example", 3)]),
        organization(21, "Brook", endpoints=(3,), extension=[portal("MyBrook", "https://my.brook.example", 3)]),
        organization(30, "Bare", endpoints=(1,)),
    )  # fmt: skip


@pytest.fixture
def reader(organization):
    """Gets the Bundle as the workspace's server does."""
    key = create_api_key(organization=organization, name="test", scopes=[BROWSING])[1]

    def get(**headers):
        return Client().get("/directory/brands", headers={"Authorization": f"Bearer {key}"} | headers)

    return get


def content_of(response) -> bytes:
    return b"".join(response.streaming_content)


def load(path, content: bytes, environment: str = "sandbox"):
    path.write_bytes(content)
    return import_file(path, environment=environment)


def plain(listing):
    """A listing without its identities: the facilities by name and place, each with its brand's name."""
    names = {one.identity: one.name for one in listing.facilities}
    facilities = [replace(one, identity="", brand=one.brand and names[one.brand]) for one in listing.facilities]
    return {repr(one) for one in facilities}, {repr(one) for one in listing.sources}


def test_what_is_read_there_is_what_was_imported(reader, tmp_path):
    load(tmp_path / "river", river())

    published = read_content(content_of(reader()))

    assert plain(published) == plain(read_content(river()))
    assert not published.refusals


def test_a_portal_added_by_hand_is_described_by_its_source(reader):
    facility("River", source("River", portal_url="https://my.river.example", logo_url="https://river.example/1.svg"))

    (found,) = read_content(content_of(reader()), sandbox=True).facilities

    assert (found.portals[0].url, found.portals[0].logo_url) == (
        "https://my.river.example",
        "https://river.example/1.svg",
    )


def test_it_can_be_imported_and_then_changes_nothing_but_its_own_directory(reader, tmp_path):
    load(tmp_path / "river", river())
    content = content_of(reader())
    for model in (Portal, Facility, Source):
        model.objects.all().delete()

    load(tmp_path / "published", content)

    again = content_of(reader())
    assert plain(read_content(again)) == plain(read_content(content))


@needs_directories
@pytest.mark.parametrize(
    "name",
    [
        "hl7-examples/Bundle-example2.json",
        "hl7-examples/Bundle-example3.json",
        "hl7-examples/Bundle-example4.json",
        "argonaut-connectathon-2023/connectathon-meditech.json",
        "oracle-health/soarian_patient_r4_endpoints.2026-02-20.json",
    ],
)
def test_real_bundles_come_out_as_they_went_in(reader, name):
    import_file(FOLDER / name, environment="sandbox")

    published = read_content(content_of(reader()), sandbox=True)

    assert {one.fhir_base_url for one in published.sources} == set(
        Source.objects.values_list("fhir_base_url", flat=True)
    )
    assert sorted(one.name for one in published.facilities) == sorted(Facility.objects.values_list("name", flat=True))
    ways = {(one.name, way.base_url, way.name) for one in published.facilities for way in one.portals}
    assert ways == set(Portal.objects.values_list("facility__name", "source__fhir_base_url", "name"))
    assert not published.refusals


def test_it_has_the_standards_form(reader, tmp_path):
    load(tmp_path / "river", river())

    response = reader()

    content = content_of(response)
    assert response["Content-Type"] == "application/fhir+json"
    assert int(response["Content-Length"]) == len(content)
    value = json.loads(content)
    assert (value["resourceType"], value["type"], value["timestamp"][-6:]) == ("Bundle", "collection", "+00:00")
    kinds = [entry["resource"]["resourceType"] for entry in value["entry"]]
    assert kinds == ["Endpoint"] * 3 + ["Organization"] * 6
    parts = ["partOf" in entry["resource"] for entry in value["entry"][3:]]
    assert parts == sorted(parts)  # brands first
    first = value["entry"][0]
    assert first["fullUrl"] == f"urn:uuid:{first['resource']['id']}"
    assert {"extension", "status", "connectionType", "contact", "payloadType", "address"} <= set(first["resource"])
    brand = next(one["resource"] for one in value["entry"] if one["resource"].get("name") == "River “Health”")
    assert [one["url"].rsplit("/", 1)[-1] for one in brand["extension"]] == ["organization-portal"] * 2
    assert len(brand["endpoint"]) == 2
    clinic = next(one["resource"] for one in value["entry"] if one["resource"].get("name") == "River Clinic")
    assert {"endpoint", "extension"}.isdisjoint(clinic)  # it has those of its brand
    assert content_of(reader()) == content


def test_only_what_the_workspace_may_see_is_in_it(reader, organization, other_organization, production_organization):
    facility("Shared", source("A"))
    facility("Own", private_source(organization, "B"))
    facility("Others", private_source(other_organization, "C"))
    facility("Production", private_source(production_organization, "D"))
    facility("Retired place", source("E"), retired_at=timezone.now())
    facility("At a retired source", source("F", retired_at=timezone.now()))
    both = facility("Both", source("G"), private_source(other_organization, "H"))
    facility("Part", source("I"), brand=Facility.objects.get(name="Others"))
    facility("Part of both", source("J"), brand=both)

    listing = read_content(content_of(reader()), sandbox=True)

    assert {one.name: len(one.portals) for one in listing.facilities} == {
        "Shared": 1, "Own": 1, "Both": 1, "Part": 1, "Part of both": 1
    }  # fmt: skip
    brands = {one.name: one.brand for one in listing.facilities}
    assert brands["Part"] is None
    assert brands["Part of both"] is not None
    assert not listing.refusals


def test_the_same_edition_is_not_sent_twice(reader, api_of_other):
    facility("River")
    first = reader()
    tag = first["ETag"]
    content_of(first)

    assert reader(**{"If-None-Match": tag}).status_code == 304
    assert reader(**{"If-None-Match": f'W/{tag}, "x"'})["ETag"] == tag
    Catalogue.changed()
    changed = reader(**{"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed["ETag"] != tag
    content_of(changed)


def test_another_workspaces_edition_has_another_tag(reader, other_organization):
    key = create_api_key(organization=other_organization, name="test")[1]

    theirs = Client().get("/directory/brands", headers={"Authorization": f"Bearer {key}"})

    ours = reader()
    assert theirs["ETag"] != ours["ETag"]
    assert content_of(theirs) == content_of(ours)
    assert ours["Cache-Control"] == "private, no-cache"
    assert "Authorization" in ours["Vary"]


def test_an_empty_catalogue_is_a_bundle_too(reader):
    assert set(json.loads(content_of(reader()))) == {"resourceType", "type", "timestamp"}


def test_a_key_without_the_scope_gets_nothing(organization):
    key = create_api_key(organization=organization, name="test", scopes=["patient_sessions:read"])[1]

    assert Client().get("/directory/brands", headers={"Authorization": f"Bearer {key}"}).status_code == 403
    assert Client().get("/directory/brands").status_code == 401


@pytest.mark.parametrize("places", [3, 60])
def test_the_number_of_queries_does_not_grow_with_the_catalogue(reader, django_assert_num_queries, places):
    brand = facility("Brand")
    for number in range(places):
        facility(f"Place {number}", brand=brand)
    content_of(reader())  # notes the key's use

    with django_assert_num_queries(5):  # the key, the version, the sources, the portals, the version again
        response = reader()

    content_of(response)


def test_a_catalogue_that_never_stops_changing_is_not_sent_in_halves(reader, monkeypatch):
    facility("River")
    monkeypatch.setattr(brands_views, "write_brands", lambda *_, **__: Catalogue.changed())

    response = reader()

    assert response.status_code == 503
    assert json.loads(response.content)["error"]["code"] == "service_unavailable"


def test_what_was_published_says_when_the_catalogue_last_changed(reader):
    facility("River")

    said = json.loads(content_of(reader()))["timestamp"]

    assert abs(timezone.datetime.fromisoformat(said) - timezone.now()) < timedelta(minutes=5)
