"""Lists of names and FHIR base URLs: Lantern's, and whatever others call their columns."""

import pytest

from sources.reading.listing import EXAMPLES, Address, Format, ListedPortal, Refusal
from tests.sources.bundles import bundle, endpoint, organization
from tests.sources.reading.files import read_content, read_csv, read_json

R4 = "https://fhir.river.example/r4"


def lantern(*rows):
    keys = ("URL", "OrganizationName", "NPIID", "OrganizationZipCode")
    return read_json({"Endpoints": [dict(zip(keys, (*row, "", "", "")[:4], strict=True)) for row in rows]})


def test_lanterns_json_gives_a_facility_with_its_postal_code_and_npi():
    listing = lantern((R4 + "/", " River\tClinic ", "1234567893", "94601-1234"))

    (source,), (facility,) = listing.sources, listing.facilities
    assert (listing.format, listing.format.describes_well) == (Format.LANTERN, False)
    assert (source.fhir_base_url, source.name) == (R4, "River Clinic")
    assert (facility.name, facility.npis) == ("River Clinic", ("1234567893",))
    assert facility.address == Address(postal_code="94601-1234")
    assert facility.portals == (ListedPortal(R4),)


def test_lanterns_csv_is_known_by_its_columns_and_names_the_developer():
    listing = read_csv(
        "list,url,organization_name,npi,zip\n"
        "Epic_Systems_Corporation_1,https://a.example/api/FHIR/R4/,River,,\n"
        "Small_Software_Inc_1,https://b.example/fhir,Lake,,\n"
        "Small_Software_Inc_1,https://b.example/fhir,Brook,,\n"
    )

    assert listing.format is Format.LANTERN
    assert [(source.name, source.vendor) for source in listing.sources] == [
        ("River", "epic"),
        ("Small Software Inc", None),
    ]


def test_many_organizations_on_one_url_are_kept_and_the_same_row_twice_is_one():
    listing = lantern(
        (R4, "River", "", "94601"),
        (R4, "RIVER.", "1234567893", "94601-0001"),
        (R4, "River", "", "94602"),
        (R4, "Lake"),
    )

    assert [(one.name, one.address.postal_code, one.npis) for one in listing.facilities] == [
        ("River", "94601", ("1234567893",)),
        ("River", "94602", ()),
        ("Lake", "", ()),
    ]
    assert len({facility.identity for facility in listing.facilities}) == 3
    assert listing.refusals == {Refusal.DUPLICATE: 1}


def test_the_identity_is_the_same_in_the_next_edition():
    first, second = (
        lantern((R4, "Rivière & Søn"), ("https://b.example/r4", "Other")),
        lantern(("HTTPS://FHIR.river.example:443/r4/", "RIVIÈRE  Søn")),
    )

    assert second.facilities[0].identity == first.facilities[0].identity


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("http://fhir.river.example/r4", Refusal.NOT_HTTPS),
        ("Http://localhost/FHIR", Refusal.NOT_PUBLIC),
        ("Http://IN2COREES60/FHIR", Refusal.NOT_PUBLIC),
        ("https://10.160.1.1/fhir", Refusal.NOT_PUBLIC),
        ("https://[64:ff9b::7f00:1]/fhir", Refusal.NOT_PUBLIC),
        ("https://[2002:7f00:1::]/fhir", Refusal.NOT_PUBLIC),
        ("https://[::127.0.0.1]/fhir", Refusal.NOT_PUBLIC),
        ("https://224.0.0.1/fhir", Refusal.NOT_PUBLIC),
        ("https://☃.example/fhir", Refusal.NOT_A_URL),
        ("https://fhir.river.example:0/fhir", Refusal.NOT_A_URL),
        ("https://10.160.1a。1/fhir", Refusal.NOT_PUBLIC),
        ("https://a.ｌocalhost/fhir", Refusal.NOT_PUBLIC),
        (f"https://{'a' * 64}.example/fhir", Refusal.NOT_A_URL),
        ("https://me:secret@fhir.river.example/r4", Refusal.CREDENTIALS),
        ("fhir.river.example/r4", Refusal.NOT_A_URL),
        ("https://fhir.river.example/r4?server=1", Refusal.NOT_A_URL),
        ("", Refusal.NOT_A_URL),
        (None, Refusal.NOT_A_URL),
        ({"a": R4}, Refusal.NOT_A_URL),
        ("https://fhir.river.example/api/FHIR/DSTU2/", Refusal.FHIR_VERSION),
        ("https://fhir.river.example/R2/Open", Refusal.FHIR_VERSION),
        ("https://fhir.river.example:443/v2/argonaut/v1", Refusal.FHIR_VERSION),
        ("https://fhir-ehr.cerner.com/r4/abc", Refusal.PROVIDERS),
        ("https://FHIR-EHR-code.cerner.com/r4/abc", Refusal.PROVIDERS),
        ("https://fhir.fhirpoint.open.allscripts.com/fhirroute/fhir/12", Refusal.PROVIDERS),
        ("https://x1.open.allscripts.com/FHIR", Refusal.PROVIDERS),
    ],
)
def test_a_url_that_patients_cannot_use_costs_its_row(url, refusal):
    listing = lantern((url, "Bad"), (R4, "Good"))

    assert [facility.name for facility in listing.facilities] == ["Good"]
    assert listing.refusals == {refusal: 1}
    assert "secret" not in repr(listing)


@pytest.mark.parametrize(
    "url",
    ["https://fhir-myrecord.cerner.com/r4/abc", "https://fhir.fhirpoint.open.allscripts.com/fhirroute/open/12"],
)
def test_the_doors_for_patients_are_kept(url):
    assert len(lantern((url, "River")).sources) == 1


@pytest.mark.parametrize(("version", "kept"), [("4.0.1", 1), ("R4", 1), ("", 1), ("DSTU2", 0), ("3.0.1", 0)])
def test_a_column_may_say_the_fhir_version(version, kept):
    assert len(read_json([{"name": "River", "url": R4, "fhirVersion": version}]).sources) == kept


def test_rows_without_a_name_and_rows_that_are_none_are_counted():
    listing = read_json([{"name": " \u200b", "url": R4}, 7, "row", None, ["a"], {}, {"name": "River", "url": R4}])

    assert [facility.name for facility in listing.facilities] == ["River"]
    assert listing.refusals == {Refusal.NO_NAME: 1, Refusal.MALFORMED: 4, Refusal.NOT_A_URL: 1}
    assert listing.examples[Refusal.MALFORMED] == ["entry 2", "entry 3: row", "entry 4", "entry 5"]
    assert listing.examples[Refusal.NOT_A_URL] == ["entry 6"]


def test_staff_see_some_examples_of_each_reason():
    listing = lantern(*((f"http://fhir{number}.example/r4", f"Clinic {number}") for number in range(30)))

    assert listing.refusals == {Refusal.NOT_HTTPS: 30}
    assert listing.examples == {Refusal.NOT_HTTPS: [f"http://fhir{number}.example/r4" for number in range(EXAMPLES)]}


def test_the_columns_of_a_plain_list_are_found_by_looking():
    listing = read_csv(
        "Parent Organization Name,Brand Name(s) (what members see),Prod FHIR URL (Resource URL),City,State,Alias\n"
        f'River Group,"River Plan\nBrook Plan",{R4},Oakland,California,RP; R-Plan\n'
        f"River Group,,{R4},,,\n"
    )

    plan, group = listing.facilities
    assert (plan.name, plan.aliases) == ("River Plan", ("Brook Plan", "RP", "R-Plan", "River Group"))
    assert (plan.address.city, plan.address.state) == ("Oakland", "CA")
    assert (group.name, group.aliases) == ("River Group", ())
    assert [source.name for source in listing.sources] == ["River Group"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"Northwell', "Northwell"),
        ('Northwell "', "Northwell"),
        ('"The "Good" Clinic', 'The "Good" Clinic'),
        ('"Northwell"', '"Northwell"'),
        ('Clinic 5" West', 'Clinic 5" West'),
    ],
)
def test_a_quotation_mark_at_an_end_that_has_no_other_is_no_part_of_the_name(written, name):
    in_bundle = bundle(endpoint(1, R4), organization(2, written, endpoints=(1,)))

    for listing in (lantern((R4, written)), read_content(in_bundle)):
        assert listing.facilities[0].name == name


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\v", "\x85", "\u2028"])
def test_a_name_on_two_lines_is_one_name(line_end):
    written = f"Multi{line_end}Line Clinic"

    for listing in (lantern((R4, written)), read_csv(f'name,url\n"{written}",{R4}\n')):
        (facility,) = listing.facilities
        assert (facility.name, facility.aliases) == ("Multi Line Clinic", ())


def test_one_array_in_an_object_is_the_list():
    listing = read_json({"date": "2026-01-01", "notes": [{"by": "me"}], "rows": [{"title": 1, "name": "A", "url": R4}]})

    assert [facility.name for facility in listing.facilities] == ["A"]
    assert listing.format is Format.JSON_LIST


@pytest.mark.parametrize("header", ["State,endpoint,developer_name", "organization_name,url,zip"])
def test_a_state_alone_is_its_medicaid(header):
    (facility,) = read_csv(f"{header}\nMassachusetts,{R4},\n").facilities

    assert (facility.name, facility.aliases) == ("Massachusetts Medicaid", ("MassHealth", "Medicaid"))
    assert facility.address.state == "MA"


def test_a_practice_called_like_a_state_is_itself_when_it_has_a_postal_code():
    (facility,) = lantern((R4, "Indiana", "", "94601")).facilities

    assert (facility.name, facility.address.state) == ("Indiana", "")


@pytest.mark.parametrize(
    ("row", "vendor"),
    [
        ({"url": "https://fhir-myrecord.cerner.com/r4/x"}, "cerner"),
        ({"url": "https://fhir4.healow.com/fhir/r4/ABCDEF"}, "ecw"),
        ({"url": "https://api.platform.athenahealth.com/fhir/r4"}, "athena"),
        ({"url": "https://epicproxy.river.example/FHIRProxy/api/FHIR/R4/"}, "epic"),
        ({"url": "https://fhir.river.example/v1/uscore/R4"}, "meditech"),
        ({"url": "https://applications.op.healthcare/451/api/FHIR/R4"}, "office-practicum"),
        ({"url": "https://river.example/api/FHIR/R4"}, None),
        ({"url": "https://river.example/api/FHIR/R4/", "token": "https://river.example/oauth2/token"}, "epic"),
        ({"url": R4, "source": "cerner"}, "cerner"),
        ({"url": R4, "developer_name": "Medical_Information_Technology_Inc_MEDITECH"}, "meditech"),
        ({"url": "https://notcerner.com/r4"}, None),
    ],
)
def test_the_vendor_is_given_where_it_is_certain(row, vendor):
    (source,) = read_json([row | {"name": "River"}]).sources

    assert source.vendor == vendor


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"managingOrganization": "River Group"}, "River Group"),
        ({"managingOrganization": "Organization/AB12"}, "fhir.river.example"),
        ({"managingOrganization": "RhoTxOoxMilOn79VYwU6di1w="}, "fhir.river.example"),
        ({"vendor": "Epic"}, "Epic"),
        ({}, "fhir.river.example"),
    ],
)
def test_a_url_of_several_names_is_called_what_the_file_calls_them_together(more, name):
    rows = [{"name": place, "url": R4} | more for place in ("River", "Lake")]

    (source,) = read_json(rows).sources

    assert source.name == name


def test_a_sandbox_may_list_this_machine():
    rows = [{"name": "Here", "url": "http://localhost:8000/r4"}]

    assert len(read_json(rows, sandbox=True).sources) == 1
    assert read_json(rows).refusals == {Refusal.NOT_PUBLIC: 1}


def test_the_state_that_a_vendor_writes_before_a_name_is_its_place_and_keeps_places_apart():
    listing = lantern((R4, "OH - River Clinic"), (R4, "FL - River Clinic"), (R4, "XX - River Clinic"), (R4, "OH - "))

    places = [(facility.name, facility.address.state) for facility in listing.facilities]
    assert places == [("River Clinic", "OH"), ("River Clinic", "FL"), ("XX - River Clinic", ""), ("OH -", "")]
    assert len({facility.identity for facility in listing.facilities}) == 4


def test_a_practice_that_is_called_like_a_state_is_no_medicaid_programme():
    listing = lantern(("https://api.platform.athenahealth.com/fhir/r4", "Georgia"), (R4, "Georgia"))

    assert [facility.name for facility in listing.facilities] == ["Georgia", "Georgia Medicaid"]
