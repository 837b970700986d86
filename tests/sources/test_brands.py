"""Reading a User-access Brands Bundle."""

import json

import pytest

from sources.reading.listing import Address, Refusal, UnreadableDirectoryError
from tests.sources.bundles import EXTENSION, bundle, endpoint, organization, part_of, portal, uid
from tests.sources.directories import content_of, needs_directories
from tests.sources.reading.files import read_content

R4 = "https://fhir.river.example/r4"
ORACLE = "oracle-health/millennium_patient_r4_endpoints.2026-02-20.json.gz"


def read(*resources, sandbox=False):
    return read_content(bundle(*resources), sandbox=sandbox)


def test_a_brand_has_its_portal_its_logo_and_its_addresses():
    listing = read(
        endpoint(1, R4 + "/"),
        organization(
            2,
            "  River\n Health ",
            endpoints=(1,),
            alias=["RH", "River Health"],
            telecom=[
                {"system": "phone", "value": "+1 555 0100"},
                {"system": "url", "value": "https://www.river.example/patients"},
            ],
            address=[{"line": ["1 Main St", "Suite 2"], "city": "Oakland", "state": "CA", "postalCode": "94601",
                      "country": "United States of America"}],
            extension=[
                {"url": f"{EXTENSION}organization-brand",
                 "extension": [{"url": "brandLogo", "valueUrl": "https://river.example/logo.svg"}]},
                portal("MyRiver", "https://my.river.example", 1),
            ],
        ),
    )  # fmt: skip

    (source,), (facility,) = listing.sources, listing.facilities
    assert (source.fhir_base_url, source.name) == (R4, "River Health")
    assert (source.portal_url, source.logo_url) == ("https://my.river.example", "https://river.example/logo.svg")
    assert (facility.name, facility.aliases, facility.base_urls) == ("River Health", ("RH",), (R4,))
    assert facility.address == Address("1 Main St, Suite 2", "Oakland", "CA", "94601", "US")
    assert (facility.website, facility.phone) == ("river.example", "+1 555 0100")
    assert not +listing.refusals


def test_a_brand_with_two_portals_gives_two_sources_with_the_portals_names():
    listing = read(
        endpoint(1, R4),
        endpoint(2, "https://kids.river.example/r4"),
        organization(3, "River", endpoints=(1, 2), extension=[
            portal("MyRiver", "https://my.river.example", 1),
            portal("KidsRiver", "https://kids.river.example", 2),
        ]),
    )  # fmt: skip

    assert [(source.name, source.portal_url) for source in listing.sources] == [
        ("MyRiver", "https://my.river.example"),
        ("KidsRiver", "https://kids.river.example"),
    ]
    assert listing.facilities[0].base_urls == (R4, "https://kids.river.example/r4")


def test_several_brands_share_one_endpoint_and_the_source_has_the_endpoints_name():
    listing = read(
        endpoint(1, R4, name="Lake"),
        organization(2, "Brook", endpoints=(1,), extension=[portal("MyBrook", "https://brook.example")]),
        organization(3, "Lake", endpoints=(1,), extension=[portal("MyLake", "https://lake.example")]),
    )

    (source,) = listing.sources
    assert (source.name, source.portal_url) == ("Lake", "https://lake.example")
    assert [facility.name for facility in listing.facilities] == ["Brook", "Lake"]


def test_a_facility_has_the_sources_of_its_brand_and_comes_after_it():
    listing = read(
        organization(4, "River Clinic", partOf=part_of(3), address=[{"city": "FOLSOM", "postalCode": "95630-1234"}]),
        endpoint(1, R4),
        organization(3, "River", endpoints=(1,), address=[{"state": "CA"}, {"state": "NV"}]),
    )

    brand, clinic = listing.facilities
    assert (brand.name, clinic.name, clinic.brand) == ("River", "River Clinic", brand.identity)
    assert clinic.base_urls == brand.base_urls == (R4,)
    assert clinic.address == Address(city="FOLSOM", postal_code="95630-1234")
    assert (brand.address, brand.places) == (Address(), ("CA", "NV"))


def test_a_hidden_brand_is_not_offered_but_its_name_leads_to_its_facilities():
    hidden = {"url": "http://hl7.org/fhir/smart-app-launch/StructureDefinition/brand-flags", "valueCode": "hidden"}
    listing = read(
        organization(2, "River Group", extension=[hidden]),
        endpoint(1, R4, managingOrganization=part_of(3)),
        organization(3, "River Clinic", partOf=part_of(2)),
    )

    (facility,) = listing.facilities
    assert (facility.name, facility.brand, facility.aliases) == ("River Clinic", None, ("River Group",))
    assert not +listing.refusals


def test_brands_that_are_part_of_each_other_do_not_go_round_for_ever():
    listing = read(
        endpoint(1, R4),
        organization(2, "One", endpoints=(1,), partOf=part_of(3)),
        organization(3, "Other", partOf=part_of(2)),
    )

    assert {facility.name: facility.base_urls for facility in listing.facilities} == {"One": (R4,), "Other": (R4,)}


def test_relative_references_are_resolved_against_the_full_url():
    def at(base, kind, **more):
        return {"fullUrl": f"{base}/{kind}/1", "resourceType": kind, "id": "1", **more}

    references = {"endpoint": [{"reference": "Endpoint/1"}]}
    listing = read(
        at("https://a.example", "Endpoint", address="https://a.example/r4"),
        at("https://a.example", "Organization", name="A", **references),
        at("https://b.example", "Endpoint", address="https://b.example/r4"),
        at("https://b.example", "Organization", name="B", **references),
    )

    assert [(one.name, one.base_urls) for one in listing.facilities] == [
        ("A", ("https://a.example/r4",)),
        ("B", ("https://b.example/r4",)),
    ]


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("http://fhir.river.example/r4", Refusal.NOT_HTTPS),
        ("https://user:secret@fhir.river.example/r4", Refusal.CREDENTIALS),
        ("https://localhost/r4", Refusal.NOT_PUBLIC),
        ("Http://IN2COREES60/FHIR", Refusal.NOT_PUBLIC),
        ("https://127.0.0.1/r4", Refusal.NOT_PUBLIC),
        ("https://127.1/r4", Refusal.NOT_PUBLIC),
        ("https://[::1]/r4", Refusal.NOT_PUBLIC),
        ("https://10.0.0.7/r4", Refusal.NOT_PUBLIC),
        ("https://ehr.internal/r4", Refusal.NOT_PUBLIC),
        ("ftp://fhir.river.example/r4", Refusal.NOT_A_URL),
        ("https://fhir.river.example/r4?x=1", Refusal.NOT_A_URL),
        ("https://fhir.river.example:99999/r4", Refusal.NOT_A_URL),
        ("https://fhir.river.example/" + "x" * 600, Refusal.NOT_A_URL),
        ("", Refusal.NOT_A_URL),
        (None, Refusal.NOT_A_URL),
        (["https://fhir.river.example/r4"], Refusal.NOT_A_URL),
    ],
)
def test_an_address_that_must_not_be_called_costs_its_endpoint_and_nothing_else(address, refusal):
    listing = read(
        endpoint(1, address),
        organization(2, "Bad", endpoints=(1,)),
        endpoint(3, R4),
        organization(4, "Good", endpoints=(3,)),
    )

    assert [facility.name for facility in listing.facilities] == ["Good"]
    assert +listing.refusals == {refusal: 1, Refusal.NO_ENDPOINT: 1}


def test_a_sandbox_may_name_this_machine_and_plain_http():
    listing = read(endpoint(1, "http://localhost:8000/r4"), organization(2, "Here", endpoints=(1,)), sandbox=True)

    assert [source.fhir_base_url for source in listing.sources] == ["http://localhost:8000/r4"]


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"extension": [{"url": f"{EXTENSION}endpoint-fhir-version", "valueCode": "1.0.2"}]}, Refusal.FHIR_VERSION),
        ({"extension": [{"url": f"{EXTENSION}endpoint-fhir-version", "valueCode": "3.0.1"}]}, Refusal.FHIR_VERSION),
        ({"extension": [], "address": "https://fhir.river.example/DSTU2/x"}, Refusal.FHIR_VERSION),
        ({"status": "off"}, Refusal.INACTIVE),
        ({"connectionType": {"code": "ihe-xds"}}, Refusal.NOT_FHIR),
    ],
)
def test_an_endpoint_that_does_not_serve_patients_r4_is_refused(more, refusal):
    listing = read(endpoint(1, **{"address": R4} | more), organization(2, "River", endpoints=(1,)))

    assert listing.sources == []
    assert +listing.refusals == {refusal: 1, Refusal.NO_ENDPOINT: 1}


def test_every_bad_organization_is_counted_with_its_reason():
    listing = read(
        endpoint(1, R4),
        organization(2, None, endpoints=(1,)),
        organization(3, "Closed", endpoints=(1,), active=False),
        organization(4, "Adrift"),
        organization(5, "Good", endpoints=(1, 99), partOf=part_of(98)),
        organization(5, "Again", endpoints=(1,)),
        endpoint(6, "https://nobody.example/r4"),
    )

    assert [facility.name for facility in listing.facilities] == ["Good"]
    assert +listing.refusals == {
        Refusal.NO_NAME: 1,
        Refusal.INACTIVE: 1,
        Refusal.NO_ENDPOINT: 1,
        Refusal.UNKNOWN_REFERENCE: 2,
        Refusal.DUPLICATE: 1,
        Refusal.NOBODYS: 1,
    }


def test_entries_of_the_wrong_shape_are_counted_and_passed_over():
    wrong = [None, 7, "entry", [], {}, {"resource": []}, {"resource": {"resourceType": "Organization"}}]
    shapes = [
        {"resource": {"resourceType": "Organization", "id": uid(8), "name": {"a": 1}, "endpoint": "x", "alias": 3}},
        {"fullUrl": 5, "resource": {"resourceType": "Endpoint", "id": ["a"], "address": R4}},
        {"resource": {"resourceType": "Location", "id": "1"}},
    ]
    listing = read_content(json.dumps({"resourceType": "Bundle", "entry": [*wrong, *shapes]}).encode(), sandbox=False)

    assert listing.facilities == []
    assert +listing.refusals == {Refusal.MALFORMED: len(wrong) + 1, Refusal.NO_NAME: 1}
    assert listing.examples[Refusal.MALFORMED] == [f"entry {number}" for number in (1, 2, 3, 4, 5, 6, 7, 9)]


def test_half_a_surrogate_and_control_characters_do_not_reach_the_catalogue():
    listing = read(endpoint(1, R4), organization(2, "Ri\ud800v\x00er", endpoints=(1,)))

    assert listing.facilities[0].name == "Ri v er"


def test_a_logo_inside_the_file_is_not_kept():
    logo = {"url": "brandLogo", "valueUrl": "data:image/svg+xml;base64,PHN2Zy8+"}
    brand = {"url": f"{EXTENSION}organization-brand", "extension": [logo]}
    listing = read(endpoint(1, R4), organization(2, "River", endpoints=(1,), extension=[brand]))

    assert listing.sources[0].logo_url is None


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"{}", b'{"resourceType": "Patient"}', b'{"resourceType": "Bundle"}', b"[" * 100_000,
     b'{"resourceType": "Bundle", "entry": [{"resource": {"resour', b"\xff\xfe\x00"],
)  # fmt: skip
def test_what_is_not_a_whole_bundle_is_one_clear_error(content):
    with pytest.raises(UnreadableDirectoryError):
        read_content(content, sandbox=False)


@needs_directories
class TestRealDirectories:
    @pytest.mark.parametrize(
        ("name", "count"),
        [
            (ORACLE, 1359),
            ("oracle-health/millennium_patient_r4_endpoints.2025-11-21.json.gz", 1361),
            ("oracle-health/soarian_patient_r4_endpoints.2026-02-20.json", 7),
        ],
    )
    def test_oracle_healths_lists_are_read_completely(self, name, count):
        listing = read_content(content_of(name), sandbox=False)

        assert (len(listing.sources), len(listing.facilities)) == (count, count)
        assert not +listing.refusals
        assert all(len(facility.base_urls) == 1 and facility.address.city for facility in listing.facilities)

    def test_oracle_healths_urls_are_those_of_the_addresses(self):
        raw = json.loads(content_of(ORACLE))["entry"]
        addresses = {
            entry["resource"]["address"].rstrip("/") for entry in raw if entry["resource"]["resourceType"] == "Endpoint"
        }

        listing = read_content(content_of(ORACLE), sandbox=False)

        assert {source.fhir_base_url for source in listing.sources} == addresses
        assert len({facility.name for facility in listing.facilities}) == 1314
        assert {facility.address.country for facility in listing.facilities} == {"US", "Puerto Rico"}

    def test_oracle_healths_dstu2_list_gives_nothing(self):
        name = "oracle-health/millennium_patient_dstu2_endpoints.2023-08-25.json.gz"
        listing = read_content(content_of(name), sandbox=False)

        assert listing.sources == []
        assert +listing.refusals == {Refusal.FHIR_VERSION: 1653}

    @pytest.mark.parametrize(
        ("name", "sources", "facilities"),
        [
            ("hl7-examples/Bundle-example1.json", 1, 1),
            ("hl7-examples/Bundle-example2.json", 1, 3),
            ("hl7-examples/Bundle-example3.json", 2, 1),
            ("hl7-examples/Bundle-example4.json", 1, 2),
            ("argonaut-connectathon-2023/connectathon-epic.json", 1, 2),
            ("argonaut-connectathon-2023/connectathon-meditech.json", 6, 9),
            ("argonaut-connectathon-2023/connectathon-sample.json", 1, 3),
        ],
    )
    def test_the_guides_examples_and_early_publishers_are_read(self, name, sources, facilities):
        listing = read_content(content_of(name), sandbox=False)

        assert (len(listing.sources), len(listing.facilities)) == (sources, facilities)
        assert all(source.portal_url for source in listing.sources)

    def test_infernos_example_has_plain_http_and_is_for_sandboxes(self):
        content = content_of("hl7-examples/inferno.smart_access_brands_example.json")

        assert read_content(content, sandbox=False).sources == []
        assert [source.name for source in read_content(content, sandbox=True).sources] == [
            "ExampleHospital Patient Gateway",
            "ExampleHospital Pediatric Portal",
        ]
