"""Every real directory is read, or refused as a whole; and every one of its rows is accounted for."""

import csv
import io
import re
from collections import Counter
from functools import cache

import pytest

from sources.reading import read_directory
from sources.reading.listing import Format, Refusal, UnreadableDirectoryError
from tests.sources.directories import FOLDER, content_of, needs_directories
from tests.sources.reading.files import rows_in

pytestmark = needs_directories
LANTERN = "lantern/all_prod_endpoint_sources.csv.gz"
R = Refusal
# The file, its rows, the distinct sources and the facilities it gives, and how many rows were left out and why.
LISTS = [
    ("epic/mere-medical.epic-r4.2026-08-14.json", 807, 757, 807, {}),
    ("epic/mere-medical.epic-dstu2.2026-05-07.json.gz", 469, 0, 0, {R.FHIR_VERSION: 469}),
    ("epic/stemma.epic-and-oracle-brand-index.2026-07-22.csv", 1243 + 1323, 762 + 1323, 2566, {}),
    ("oracle-health/mere-medical.cerner-r4.2025-11-16.json.gz", 1454, 1453, 1453, {R.PROVIDERS: 1}),
    ("healow/mere-medical.healow-r4.2026-01-18.json.gz", 6919, 6918, 6919, {}),
    ("veradigm/mere-medical.veradigm-dstu2.2026-01-30.json.gz", 679, 2, 2, {R.PROVIDERS: 677}),
    ("lantern/athenahealth_Inc_EndpointSources.json.gz", 17136, 1, 17013, {R.DUPLICATE: 123}),
    ("lantern/1UpEndpointSources.json.gz", 6810, 5294, 5298, {R.NO_NAME: 2, R.FHIR_VERSION: 1510}),
    ("lantern/Practice_Fusion_EndpointSources.json.gz", 4754, 4754, 4754, {}),
    ("lantern/Veradigm_EndpointSources.json.gz", 3344, 1665, 1666, {R.PROVIDERS: 1676, R.NOT_A_URL: 2}),
    ("lantern/Cerner_Corporation_EndpointSources.json.gz", 3305, 1652, 1652, {R.FHIR_VERSION: 1653}),
    ("lantern/eClinicalWorks_LLC_EndpointSources.json.gz", 2541, 2541, 2541, {}),
    ("lantern/Epic_Systems_Corporation_1_EndpointSources.json", 477, 450, 477, {}),
    ("lantern/Medicare_ElevanceHealth(Anthem)EndpointSources.json", 58, 58, 58, {}),
    ("lantern/MedicaidState_EndpointSources.json", 25, 25, 25, {}),
    ("lantern/medicaid-state-endpoints.csv", 36, 35, 35, {R.NOT_A_URL: 1}),
    ("lantern/oneupdata.csv", 51, 40, 49, {R.NOT_PUBLIC: 1, R.NOT_A_URL: 1}),
]
PAGES = ["CHPLEndpointResourcesList.json", "EndpointResourcesList.json", "MedicareStateEndpointResourcesList.json"]
PAGES = [f"lantern/{name}" for name in (*PAGES, "payer-patient-access.csv")]
BUNDLES = [
    ("oracle-health/millennium_patient_r4_endpoints.2026-02-20.json.gz", 1359, 1359, {}),
    ("oracle-health/millennium_patient_r4_endpoints.2025-11-21.json.gz", 1361, 1361, {}),
    ("oracle-health/millennium_patient_r4_endpoints.2023-08-25.json.gz", 1652, 1652, {}),
    ("oracle-health/millennium_patient_dstu2_endpoints.2023-08-25.json.gz", 0, 0, {R.FHIR_VERSION: 1653}),
    (
        "oracle-health/millennium_provider_r4_endpoints.2026-02-20.json.gz",
        0,
        0,
        {R.PROVIDERS: 1451, R.NO_ENDPOINT: 1451},
    ),
    ("oracle-health/soarian_patient_r4_endpoints.2026-02-20.json", 7, 7, {}),
    ("argonaut-connectathon-2023/connectathon-epic.json", 1, 2, {}),
    ("argonaut-connectathon-2023/connectathon-meditech.json", 6, 9, {}),
    ("argonaut-connectathon-2023/connectathon-sample.json", 1, 3, {R.FHIR_VERSION: 1}),
    ("hl7-examples/Bundle-example1.json", 1, 1, {}),
    ("hl7-examples/Bundle-example2.json", 1, 3, {R.FHIR_VERSION: 1}),
    ("hl7-examples/Bundle-example3.json", 2, 1, {}),
    ("hl7-examples/Bundle-example4.json", 1, 2, {}),
    ("hl7-examples/inferno.smart_access_brands_example.json", 0, 0, {R.NOT_HTTPS: 2, R.NO_ENDPOINT: 1}),
]


@cache
def listing_of(name):
    return read_directory(FOLDER / name, sandbox=False)


@pytest.mark.parametrize(("name", "rows", "sources", "facilities", "refused"), LISTS)
def test_every_row_of_a_list_is_kept_or_refused_with_its_reason(name, rows, sources, facilities, refused):
    listing = listing_of(name)

    assert len(rows_in(content_of(name))) == rows
    assert (len(listing.sources), len(listing.facilities)) == (sources, facilities)
    assert listing.refusals == refused
    assert facilities + sum(refused.values()) == rows


@pytest.mark.parametrize("name", PAGES)
def test_lists_of_web_pages_are_refused_as_a_whole(name):
    with pytest.raises(UnreadableDirectoryError, match="web pages where they publish their lists"):
        listing_of(name)


@pytest.mark.parametrize(("name", "sources", "facilities", "refused"), BUNDLES)
def test_every_bundle_is_read(name, sources, facilities, refused):
    listing = listing_of(name)

    assert listing.format.describes_well
    assert (len(listing.sources), len(listing.facilities)) == (sources, facilities)
    assert +listing.refusals == refused


def test_no_file_was_left_out():
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*")}

    assert files - {LANTERN} == {row[0] for row in (*LISTS, *BUNDLES)} | set(PAGES)


def test_every_file_keeps_the_promises_of_a_listing():
    for name in [LANTERN, *(row[0] for row in (*LISTS, *BUNDLES))]:
        listing = listing_of(name)
        urls, seen = {source.fhir_base_url for source in listing.sources}, set()
        assert len(urls) == len(listing.sources)
        assert all(source.name for source in listing.sources)
        for facility in listing.facilities:
            assert facility.identity not in seen
            assert facility.brand is None or facility.brand in seen
            assert facility.name.strip() == facility.name != ""
            assert facility.portals
            assert set(facility.base_urls) <= urls
            assert len(set(facility.base_urls)) == len(facility.base_urls)
            assert all(re.fullmatch("[0-9]{10}", npi) for npi in facility.npis)
            seen.add(facility.identity)
        assert {url for facility in listing.facilities for url in facility.base_urls} == urls


class TestLanternsWholeCollection:
    """67,645 rows of 156 lists."""

    def test_each_of_its_rows_has_one_fate(self):
        rows = list(csv.DictReader(io.StringIO(content_of(LANTERN).decode())))
        listing = listing_of(LANTERN)

        assert (len(rows), len({row["url"] for row in rows}), len({row["list"] for row in rows})) == (67645, 30191, 156)
        assert len(listing.facilities) + sum(listing.refusals.values()) == 67645
        assert listing.format is Format.LANTERN
        assert len(listing.facilities) == 40126
        assert len(listing.sources) == 22007
        assert listing.refusals == {
            R.FHIR_VERSION: 4459,
            R.PROVIDERS: 1973,
            R.NOT_HTTPS: 2593,
            R.NOT_PUBLIC: 76,
            R.NOT_A_URL: 31,
            R.NO_NAME: 830,
            R.DUPLICATE: 17557,
        }

    def test_the_readmes_counts_of_bad_rows_are_found_again(self):
        """Its 2,615 plain http URLs and its 855 rows without a name overlap with other reasons."""
        rows = list(csv.DictReader(io.StringIO(content_of(LANTERN).decode())))
        listing = listing_of(LANTERN)

        http = [row for row in rows if row["url"].startswith("http:")]
        shouting = [row for row in rows if re.match(r"(?i)http:", row["url"]) and not row["url"].startswith("http:")]
        nameless = [row for row in rows if not row["organization_name"].strip()]
        assert (len(http), len(nameless)) == (2615, 855)
        refused_for_less = self.count(http + shouting, self.is_no_public_host)
        assert listing.refusals[R.NOT_HTTPS] == len(http) + len(shouting) - refused_for_less
        assert listing.refusals[R.NO_NAME] == 855 - self.count(nameless, self.has_an_unusable_url)

    def test_athenahealths_organizations_are_all_on_its_one_url(self):
        names = Counter(facility.base_urls for facility in listing_of(LANTERN).facilities)

        assert names.most_common(1) == [(("https://api.platform.athenahealth.com/fhir/r4",), 17714)]

    @staticmethod
    def count(rows, predicate):
        return sum(1 for row in rows if predicate(row["url"]))

    @staticmethod
    def is_no_public_host(url):
        host = re.split(r"[/:?#]", url.split("//", 1)[1])[0].lower()
        return "." not in host or host.endswith((".local", ".lan", ".internal")) or re.fullmatch(r"[\d.]+", host)

    @classmethod
    def has_an_unusable_url(cls, url):
        if not re.match(r"https://[^\s\\?#]+$", url) or cls.is_no_public_host(url):
            return True
        old = re.search(r"(?i)/(dstu2|r2)(/|$)|argonaut", url)
        clinicians = re.search(r"(?i)allscripts(cloud|tw)?\.com.*/fhir/?$|fhirroute/fhir/", url)
        return bool(old or clinicians)
