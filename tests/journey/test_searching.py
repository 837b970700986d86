"""The search of the patients' page: what is asked, what a card says, more results, and places near a ZIP code."""

from urllib.parse import quote, urlsplit

import pytest

from bench.recording import recorded
from organizations.models import Organization
from sources.models import Catalogue, Facility, Portal, Source
from tests.journey.patient import PatientBrowser
from tests.sources.catalogue import facility, private_source, source


def path_of(flow: dict) -> str:
    return urlsplit(flow["url"]).path


@pytest.fixture
def picker(browser, api) -> PatientBrowser:
    """A browser with a flow's link: `look` opens the page with a query."""
    flow = api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json
    browser.look = lambda query="": browser.open(f"{path_of(flow)}?{query}")  # type: ignore[attr-defined]
    browser.path = path_of(flow)  # type: ignore[attr-defined]
    return browser


def fragment(picker, query: str, **headers: str) -> str:
    picker.page = picker.client.get(f"{picker.path}?{query}&fragment", headers=headers)
    return picker.text


def at(town: str, state: str, postal_code: str) -> dict[str, str]:
    return {"city": town, "state": state, "postal_code": postal_code}


def many(name: str, count: int) -> None:
    """So many places that differ in name, at one source."""
    shared = source("Shared")
    rows = [Facility(name=f"{name} {number:03}") for number in range(1, count + 1)]
    Portal.objects.bulk_create(Portal(facility=row, source=shared) for row in Facility.objects.bulk_create(rows))
    Catalogue.changed()


# --- cards


def test_a_card_says_where_it_is_whose_it_is_and_which_portal(picker):
    brand = facility("Blue Oak")
    place = facility(
        "Folsom Clinic", source("Blue Oak", portal_url="https://www.mychart.blueoak.example/x"), brand=brand
    )
    Facility.objects.filter(pk=place.pk).update(**at("FOLSOM", "CA", "95630"))
    place.portals.update(name="MyChart")

    picker.look("q=folsom+clinic")

    assert "Folsom Clinic Folsom, CA Part of Blue Oak MyChart · mychart.blueoak.example" in picker.text


def test_a_portal_on_this_machine_is_not_named(picker):
    facility("Local Clinic", source("Local Clinic", fhir_base_url="http://localhost:9999/r4"))

    picker.look("q=local")

    assert "Local Clinic" in picker.text
    assert "localhost" not in picker.text


def test_why_a_place_was_found_is_said_where_it_is_not_obvious(picker):
    facility("Massachusetts General Hospital", aliases=["Bulfinch House"])

    assert "Also known as Bulfinch House" in picker.look("q=bulfinch").text


def test_places_of_one_name_behind_one_portal_are_one_card(picker):
    shared = source("Blue Oak")
    for number in range(12):
        facility("Blue Oak Imaging", shared, **at("Davis", "CA", f"9561{number % 10}"))

    picker.look("q=blue+oak+imaging")

    assert "1 match for" in picker.text
    assert "and 11 more places" in picker.text


def two_portals() -> tuple[Source, Source]:
    adults, children = source("Summit", portal_url="https://my.summit.example"), source("Summit Kids")
    place = facility("Summit Health", adults, children)
    place.portals.filter(source=adults).update(name="MyChart", description="For adults.")
    place.portals.filter(source=children).update(name="KidsChart", description="For children since 2021.")
    return adults, children


def test_two_portals_of_one_place_are_one_card_with_two_doors(picker):
    adults, children = two_portals()

    picker.look("q=summit+health")

    assert "1 match for" in picker.text
    assert "They have 2 portals. Choose yours:" in picker.text
    assert "MyChart of Summit Health : For adults." in picker.text
    assert "KidsChart of Summit Health : For children since 2021." in picker.text
    assert picker.html.count(f"connection_id={adults.id}") == picker.html.count(f"connection_id={children.id}") == 1


def test_two_portals_of_the_same_name_are_told_apart_by_their_hosts(picker):
    place = facility(
        "Summit", source("A", portal_url="https://one.example"), source("B", portal_url="https://two.example")
    )
    place.portals.update(name="MyChart")

    picker.look("q=summit")

    assert "MyChart (one.example)" in picker.text
    assert "MyChart (two.example)" in picker.text


def test_the_page_before_leaving_names_the_portal_as_its_patients_know_it(picker):
    adults, _ = two_portals()
    place = Facility.objects.get(name="Summit Health")

    picker.open(f"{picker.path}/confirm?connection_id={adults.id}&facility={place.pk}&q=summit")

    assert "Next, you sign in to MyChart , where Summit Health shows patients their records" in picker.text
    assert "MyChart of Summit , at my.summit.example" in picker.text


# --- what nobody can sign in to yet


def test_places_where_nobody_can_sign_in_are_not_found(picker):
    facility("Granite Hospital", source("Granite", offered=False))

    assert "No match for" in picker.look("q=granite").text


def test_a_workspace_may_show_them_as_not_available_yet(picker, other_organization):
    Organization.objects.update(unavailable_sources="shown")
    closed = source("Granite", offered=False)
    facility("Granite Hospital", closed)
    facility("Granite Secret", private_source(other_organization))

    picker.look("q=granite")

    assert "1 match for" in picker.text
    assert "Not available yet. Ask for it : Granite Hospital" in picker.text
    assert f"{picker.path}/confirm" not in picker.html
    assert f"missing?q=granite&amp;name=Granite+Hospital&amp;connection_id={closed.id}" in picker.html


def test_of_two_portals_only_the_one_that_is_ready_is_a_door(picker):
    Organization.objects.update(unavailable_sources="shown")
    ready, closed = source("Ready"), source("Closed", offered=False)
    facility("Granite Hospital", ready, closed)

    picker.look("q=granite")

    assert f"connection_id={ready.id}" in picker.html
    assert closed.id not in picker.html


def test_whatever_a_directory_calls_things_is_shown_as_text(picker, organization):
    """Names of places, brands, towns, portals and of what matched come from outside, and so does the query."""
    hostile = "<img src=x onerror=alert(1)>\"'&lt;"
    Organization.objects.update(unavailable_sources="shown")
    first, second = (source(f"{hostile} {name}", portal_url=f"https://{name}.example/") for name in ("one", "two"))
    brand = facility(f"{hostile} brand", first)
    for name, sources in (("both", (first, second)), ("single", (first,)), ("closed", (source("c", offered=False),))):
        facility(f"{hostile} {name}", *sources, brand=brand, city=hostile, state="CA", aliases=[f"{hostile} evilly"])
    Portal.objects.update(name=hostile, description=hostile)

    for ask in (picker.look, lambda query: fragment(picker, query)):
        ask(f"q=evilly+{quote(hostile)}")

        assert picker.text.count(f"{hostile} both") > 1
        assert f"{hostile} single" in picker.text
        assert f"{hostile} closed" in picker.text
        assert f"Also known as {hostile} evilly" in picker.text
        assert f"{hostile}, CA" in picker.text
        assert "<img" not in picker.html
        assert "'&lt;" not in picker.html


def test_the_title_says_what_was_found_without_markup(picker):
    facility("Folsom <b>Clinic")

    picker.look(f"q={quote('folsom <b>clinic &lt;')}")

    assert "<title>1 match for “folsom &lt;b&gt;clinic &amp;lt;”" in picker.html


# --- more of them


def test_ten_places_are_shown_and_then_ten_more_without_losing_the_place(picker):
    many("River Clinic", 60)

    picker.look("q=river")
    assert "The 10 best matches for" in picker.text
    assert 'id="place-10"' in picker.html
    assert 'id="place-11"' not in picker.html
    assert f'href="{picker.path}?q=river&amp;shown=20#place-11"' in picker.html

    picker.look("q=river&shown=20")
    assert 'id="place-11"' in picker.html
    assert 'id="place-21"' not in picker.html
    assert "&amp;q=river&amp;shown=20" in picker.html, "the next page leads back to twenty"


def test_after_fifty_another_word_is_asked_for(picker):
    many("River Clinic", 60)

    picker.look("q=river&shown=50")

    assert "The 50 best matches" in picker.text
    assert "Show more" not in picker.text
    assert "Add a city or another word" in picker.text


@pytest.mark.parametrize(
    ("shown", "count"),
    [("", 10), ("1", 10), ("11", 20), ("999", 50), ("9999999", 10), ("-1", 10), ("x", 10), ("²", 10), ("0", 10)],
)
def test_any_number_of_results_asked_for_is_answered(picker, shown, count):
    many("River Clinic", 60)

    picker.look(f"q=river&shown={shown}")

    assert f"The {count} best matches" in picker.text


# --- near


@pytest.fixture
def two_towns(db):
    facility("River Clinic Oakland", **at("OAKLAND", "CA", "94612"))
    facility("River Clinic Boston", **at("Boston", "MA", "02114"))


def test_near_a_zip_code_the_nearer_place_comes_first_and_says_how_far(picker, two_towns):
    picker.look("q=river+clinic&near=02115")
    assert picker.text.index("River Clinic Boston") < picker.text.index("River Clinic Oakland")
    assert "2 matches for “ river clinic ” near 02115" in picker.text
    assert "Boston, MA · " in picker.text

    picker.look("q=river+clinic&near=94612-1234")
    assert picker.text.index("River Clinic Oakland") < picker.text.index("River Clinic Boston")
    assert "Oakland, CA · under a mile" in picker.text


def test_a_zip_code_alone_shows_the_nearest_places(picker, two_towns):
    picker.look("q=&near=94612")

    assert "nearest place" in picker.text
    assert "near 94612" in picker.text
    assert "River Clinic Oakland" in picker.text
    assert "near=94612" in picker.html.split("/confirm?")[1].split('"')[0], "the next page leads back here"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("00000", "We do not know the ZIP code 00000."),
        ("941", "A ZIP code has five digits"),
        ("Oakland", "A ZIP code has five digits"),
        ("37.76,-122.42", "A ZIP code has five digits"),
        ("%00", "Null characters"),
        ("9" * 5000, "A ZIP code has five digits"),
    ],
)
def test_a_zip_code_we_do_not_know_is_told_kindly_and_the_words_still_count(picker, two_towns, typed, words):
    picker.look(f"q=river&near={typed}")

    assert picker.status == 200
    assert picker.text.count(words) == 2, "in the summary and at the field"
    assert "2 matches for “ river ”" in picker.text


def test_the_fragment_brings_what_is_wrong_with_the_zip_code(picker, two_towns):
    assert "We do not know the ZIP code 00000." in fragment(picker, "q=river&near=00000")
    assert "2 matches" in picker.text


def test_a_position_comes_in_a_header_and_stands_in_no_address(picker, two_towns):
    text = fragment(picker, "q=river", **{"X-Position": "42.36,-71.06"})

    assert text.index("River Clinic Boston") < text.index("River Clinic Oakland")
    assert "2 matches for “ river ” near you" in text
    assert "42.36" not in picker.html


def test_a_position_alone_shows_the_nearest_places(picker, two_towns):
    assert "nearest place" in fragment(picker, "", **{"X-Position": "42.36,-71.06"})


@pytest.mark.parametrize("position", ["", "x", "94612", "91,0", "0,181", "1e9,1", "nan,nan", "1" * 500 + ",1", "1,2,3"])
def test_a_position_that_is_none_is_passed_over(picker, two_towns, position):
    assert "2 matches for “ river ”" in fragment(picker, "q=river", **{"X-Position": position})
    assert "near you" not in picker.text


def test_only_the_page_with_the_search_may_ask_where_the_patient_is(picker, client):
    picker.look()
    assert "geolocation=(self)" in picker.page.headers["Permissions-Policy"]

    for path in (f"{picker.path}/missing", "/", "/errors/"):
        assert "geolocation=()" in client.get(path).headers["Permissions-Policy"]


def test_a_zip_code_asks_one_query_no_more(picker, two_towns, django_assert_num_queries):
    picker.look("q=river")

    # The flow, the catalogue's version, the registrations, the places found, what was used before, the logo.
    with django_assert_num_queries(6):
        picker.look("q=river")
    with django_assert_num_queries(6):
        picker.look("q=river&near=94612&shown=50")


def test_results_while_somebody_types_ask_four_queries_and_read_no_logo(picker, two_towns):
    fragment(picker, "q=river")

    with recorded() as asked:
        fragment(picker, "q=river")

    assert len(asked.steps) == 4  # the flow, the catalogue's version, the registrations, the places found
    assert not [step.sql for step in asked.steps if '"logo"' in step.sql]
