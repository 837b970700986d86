"""What a Bundle says of portals, identifiers and places; and Oracle Health's form of 2023."""

import pytest

from sources.reading.brand_resources import PORTALS
from sources.reading.listing import Address, Format, ListedPortal, Refusal
from tests.sources.bundles import EXTENSION, bundle, endpoint, organization, part_of, portal
from tests.sources.reading.files import read_content, read_json

R4, KIDS = "https://fhir.river.example/r4", "https://kids.river.example/r4"


def read(*resources):
    return read_content(bundle(*resources))


def described(name, description, *endpoints):
    made = portal(name, f"https://{name.lower()}.example", *endpoints)
    made["extension"].append({"url": "portalDescription", "valueMarkdown": description})
    return made


def test_a_brand_with_two_portals_offers_both_and_so_do_its_facilities():
    listing = read(
        organization(5, "River Clinic", partOf=part_of(3)),
        endpoint(1, R4),
        endpoint(2, KIDS),
        organization(3, "River", endpoints=(1, 2), extension=[
            described("MyRiver", "For **adults**", 1), described("KidsRiver", "For children", 2)]),
    )  # fmt: skip

    brand, clinic = listing.facilities
    assert brand.portals == clinic.portals == (
        ListedPortal(R4, "MyRiver", "For adults", "https://myriver.example"),
        ListedPortal(KIDS, "KidsRiver", "For children", "https://kidsriver.example"),
    )  # fmt: skip


def test_a_portal_with_several_endpoints_is_a_way_to_each_and_two_at_one_endpoint_are_one_way():
    listing = read(
        endpoint(1, R4),
        endpoint(2, KIDS),
        endpoint(3, R4 + "/"),
        organization(4, "River", endpoints=(1, 2, 3), extension=[described("One", "", 1, 2), described("Two", "", 1)]),
    )

    assert [(one.base_url, one.name) for one in listing.facilities[0].portals] == [(R4, "One"), (KIDS, "One")]
    assert len(listing.sources) == 2


def test_endpoints_beyond_those_that_an_organization_may_have_are_called_too_many():
    endpoints = [endpoint(number, f"https://fhir{number}.example/r4") for number in range(3, 123)]
    managed = [one | {"managingOrganization": part_of(2)} for one in endpoints]

    by_itself = read(*endpoints, organization(2, "River", endpoints=tuple(range(3, 123))))
    by_them = read(*managed, organization(2, "River"))

    for listing in (by_itself, by_them):
        assert len(listing.facilities[0].portals) == len(listing.sources) == PORTALS
        assert listing.refusals == {Refusal.TOO_MANY: 120 - PORTALS}


def test_a_facilitys_own_portal_comes_before_its_brands():
    listing = read(
        endpoint(1, R4),
        organization(2, "River", endpoints=(1,), extension=[described("MyRiver", "")]),
        organization(3, "Brook", partOf=part_of(2), extension=[described("MyBrook", "")]),
        organization(4, "Lake", partOf=part_of(3)),
    )

    assert {one.name: one.portals[0].name for one in listing.facilities} == {
        "River": "MyRiver",
        "Brook": "MyBrook",
        "Lake": "MyBrook",
    }


def test_a_logo_of_the_portal_comes_before_that_of_the_brand():
    brand_logo = {"url": f"{EXTENSION}organization-brand",
                  "extension": [{"url": "brandLogo", "valueUrl": "https://river.example/brand.svg"}]}  # fmt: skip
    mine = described("MyRiver", "", 1)
    mine["extension"].append({"url": "portalLogo", "valueUrl": "https://river.example/portal.svg"})

    def logos(*extensions):
        listing = read(endpoint(1, R4), organization(2, "River", endpoints=(1,), extension=list(extensions)))
        return [portal.logo_url for portal in listing.facilities[0].portals]

    assert logos(brand_logo, mine) == ["https://river.example/portal.svg"]
    assert logos(brand_logo, described("MyRiver", "", 1)) == logos(brand_logo) == ["https://river.example/brand.svg"]


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        ("# For *adults*\n\n- see [results](https://river.example/x)\n", "For adults see results"),
        ("one\\nline `code` <b>bold</b> ![logo](x.png)", "one line code bold logo"),
        ("2 * 3 and snake_case stay", "2 3 and snake_case stay"),
        ("word " * 100, ("word " * 60)[:299].rpartition(" ")[0] + "…"),
        ({"a": 1}, ""),
    ],
)
def test_a_portals_description_is_plain_text(markdown, said):
    listing = read(endpoint(1, R4), organization(2, "River", endpoints=(1,), extension=[described("A", markdown, 1)]))

    assert listing.facilities[0].portals[0].description == said
    assert len(said) <= 300


def test_npis_are_found_whichever_way_round_they_are_written():
    npi = "http://hl7.org/fhir/sid/us-npi"
    listing = read(
        endpoint(1, R4),
        organization(2, "River", endpoints=(1,), identifier=[
            {"system": npi, "value": "1234567893"},
            {"system": "1194743013", "value": npi},
            {"system": npi, "value": "12345"},
            {"system": "https://other.example", "value": "9999999999"},
            {"value": 7}, "x",
        ]),
    )  # fmt: skip

    assert listing.facilities[0].npis == ("1234567893", "1194743013")


def test_brands_come_before_their_facilities_whatever_the_files_order():
    chain = [organization(number, f"Level {number}", partOf=part_of(number + 1)) for number in range(2, 9)]
    listing = read(*chain, organization(9, "Level 9", endpoints=(1,)), endpoint(1, R4))

    assert [facility.name for facility in listing.facilities] == [f"Level {number}" for number in range(9, 1, -1)]
    known = set()
    for facility in listing.facilities:
        assert facility.brand is None or facility.brand in known
        known.add(facility.identity)


def test_of_brands_in_a_circle_the_first_listed_has_none_above_it():
    listing = read(
        endpoint(1, R4),
        organization(2, "One", endpoints=(1,), partOf=part_of(3)),
        organization(3, "Other", partOf=part_of(2)),
    )

    first, second = listing.facilities
    assert (first.brand, second.brand) == (None, first.identity)


def test_a_state_in_full_becomes_its_two_letters_in_the_usa_only():
    listing = read(
        endpoint(1, R4),
        organization(2, "A", endpoints=(1,), address=[{"state": "California", "country": "United States of America"}]),
        organization(3, "B", endpoints=(1,), address=[{"state": "Georgia", "country": "GE"}]),
    )

    assert [one.address for one in listing.facilities] == [
        Address(state="CA", country="US"),
        Address(state="Georgia", country="GE"),
    ]


def test_an_endpoint_for_clinicians_is_refused():
    listing = read(endpoint(1, "https://fhir-ehr.cerner.com/r4/x"), organization(2, "River", endpoints=(1,)))

    assert listing.sources == []
    assert listing.refusals == {Refusal.PROVIDERS: 1, Refusal.NO_ENDPOINT: 1}


def test_a_password_in_an_address_is_kept_nowhere():
    address = "https://me:secret@fhir.river.example/r4"
    listing = read(endpoint(1, address), organization(2, "River", endpoints=(1,)))

    assert listing.refusals == {Refusal.CREDENTIALS: 1, Refusal.NO_ENDPOINT: 1}
    assert listing.examples[Refusal.NO_ENDPOINT] == ["River"]
    assert "secret" not in repr(listing)


def test_epics_brands_are_known_by_their_identifier():
    identifier = [{"system": "https://open.epic.com/brand-identifier", "value": "1013"}]
    listing = read(endpoint(1, R4), organization(2, "River", endpoints=(1,), identifier=identifier))

    assert [source.vendor for source in listing.sources] == ["epic"]


def contained(identifier, name, address, **manager):
    inside = {"resourceType": "Organization", "id": f"O-{identifier}", "name": name,
              "address": [{"city": "Oakland", "state": "California", "postalCode": "94601-1234"}]}  # fmt: skip
    manager = manager or {"id": f"#O-{identifier}"}
    return {"resource": {"resourceType": "Endpoint", "id": identifier, "status": "active", "contained": [inside],
                         "managingOrganization": manager, "address": address}}  # fmt: skip


def test_organizations_inside_endpoints_are_read():
    """Oracle Health in 2023: no fullUrl, and `id` where `reference` belongs."""
    entries = [
        contained("-a", "River", R4),
        contained("b", "Kids", KIDS, reference="#O-b"),
        contained("c", "Old", "https://fhir.river.example/dstu2/c"),
    ]
    listing = read_json({"resourceType": "Bundle", "type": "collection", "total": 9, "entry": entries})

    assert (listing.format, listing.format.describes_well) == (Format.ENDPOINTS, True)
    assert [(one.name, one.base_urls) for one in listing.facilities] == [("River", (R4,)), ("Kids", (KIDS,))]
    assert listing.facilities[0].identity == f"Endpoint/-a#O-a at {R4}".replace("O-a", "O--a")
    assert listing.facilities[0].address == Address("", "Oakland", "CA", "94601-1234", "")
    assert listing.refusals == {Refusal.FHIR_VERSION: 1}


def test_entries_before_the_type_of_the_file_are_read_too():
    river = contained("a", "River", R4)

    assert len(read_json({"link": [{"url": "x"}], "entry": [river], "resourceType": "Bundle"}).facilities) == 1
