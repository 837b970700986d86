"""Finding a place in Chromium: typing, arrow keys, more results, what is near, and what is missing."""

import re
import uuid

import pytest

from tests.browser.person import Person
from tests.browser.test_journeys import LAKESHORE, RIVERSIDE

pytestmark = pytest.mark.browser
# Somewhere in Boston, to the metre.
BOSTON = {"latitude": 42.361145, "longitude": -71.057083}
# Names and labels may be one word, longer than a phone is wide: every page here is looked at with this one.
LONG_WORD = "Herzkreislaufrehabilitationsklinikgesellschaft"

FILL = """
from sources.models import Catalogue, Facility, Portal, Source
riverside, lakeshore = (Source.objects.get(name=name) for name in ("{riverside}", "{lakeshore}"))
towns = [("BOSTON", "MA", "02114"), ("OAKLAND", "CA", "94612")]
for number in range(1, 25):
    city, state, code = towns[number % 2]
    name = f"Marigold Clinic {{number:02}}"
    place = Facility.objects.create(name=name, city=city, state=state, postal_code=code)
    Portal.objects.create(facility=place, source=riverside)
both = Facility.objects.create(name="Larkspur Health", city="DENVER", state="CO", postal_code="80202")
Portal.objects.create(facility=both, source=riverside, name="Larkspur Adults", description="For adults.")
Portal.objects.create(facility=both, source=lakeshore, name="Larkspur Kids", description="For children of {long_word}.")
Catalogue.changed()
"""


@pytest.fixture(scope="module", autouse=True)
def places(product):
    """Clinics in two towns, more than a page has; and a place with two portals."""
    product.manage("shell", "-v0", "-c", FILL.format(riverside=RIVERSIDE, lakeshore=LAKESHORE, long_word=LONG_WORD))
    product.wait_until_found("Larkspur Health")


@pytest.fixture
def flow(product, app):
    patient = f"searching {uuid.uuid4()}"
    body = {"patient_id": patient, "return_url": app.url("/back"), "return_button_label": f"Back to {LONG_WORD}"}
    return product.post("/patient-flows", body)


@pytest.fixture
def find_places(flow):
    """Open the link and type."""
    return lambda person, words: person.open(flow["url"]).search(words)


def focused(person: Person) -> str:
    return person.page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")


def names(person: Person) -> list[str]:
    return person.page.locator("#results .mc-place__name").all_inner_texts()


def test_arrow_keys_lead_through_the_results_and_enter_opens_one(find_places, person):
    find_places(person, "marigold").reads("The 10 best matches")
    keys = person.page.keyboard

    keys.press("ArrowDown")
    first = focused(person)
    keys.press("ArrowDown")
    second = focused(person)
    assert first.startswith("MC")
    assert first != second
    assert person.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.press("ArrowUp")
    assert focused(person) == first
    keys.press("ArrowUp")
    assert focused(person) == "q"

    for _ in range(15):
        keys.press("ArrowDown")
    assert focused(person) == "My hospital is not listed", "the last stop is held"
    keys.press("Escape")
    assert focused(person) == "q"
    assert person.page.get_by_role("searchbox").input_value() == "marigold"
    keys.press("ArrowDown")
    keys.press("Enter")
    person.reads("Who will see your records")


def test_a_late_answer_does_not_replace_a_newer_one(flow, person):
    person.open(flow["url"]).reads("Find your hospital")
    held = []
    person.page.route(re.compile(r"q=marigold&"), lambda route: held.append(route))
    person.page.get_by_role("searchbox").fill("marigold")
    while not held:
        person.page.wait_for_timeout(50)

    person.page.get_by_role("searchbox").fill("larkspur")
    person.reads("1 match")
    for route in held:
        route.continue_()
    person.page.wait_for_timeout(300)

    assert names(person) == ["Larkspur Health"]


def test_going_back_to_what_is_shown_drops_the_answer_under_way(find_places, person):
    find_places(person, "larkspur").reads("1 match")
    held = []
    person.page.route(re.compile(r"q=larkspurzzz"), lambda route: held.append(route))
    field = person.page.get_by_role("searchbox")
    field.fill("larkspurzzz")
    while not held:
        person.page.wait_for_timeout(50)

    with person.page.expect_event("requestfailed"):
        field.fill("larkspur")
    for route in held:
        route.continue_()
    person.page.wait_for_timeout(300)

    assert names(person) == ["Larkspur Health"]
    assert person.page.url.endswith("?q=larkspur")


def test_more_results_are_added_and_the_first_new_one_has_the_focus(find_places, person):
    find_places(person, "marigold").reads("The 10 best matches")
    before = names(person)

    person.follow("Show more").reads("The 20 best matches")

    assert names(person)[:10] == before
    assert len(names(person)) == 20
    assert person.page.evaluate("document.activeElement.closest('li').id") == "place-11"
    assert person.page.locator("#announcement").inner_text().startswith("The 20 best matches")
    person.page.keyboard.press("Enter")
    person.reads("Who will see your records").follow("Choose another place").reads("The 20 best matches")


def test_more_results_without_script(find_places, person_without_script):
    find_places(person_without_script, "marigold").reads("The 10 best matches")

    person_without_script.follow("Show more").reads("The 20 best matches")

    assert person_without_script.page.url.endswith("?q=marigold&shown=20#place-11")
    person_without_script.follow("Show more").reads("24 matches")


def test_an_empty_search_leads_to_what_is_wrong(flow, person):
    person.open(flow["url"]).press("Search").reads("There is a problem")

    summary = person.page.locator(".mc-summary:focus")
    summary.wait_for()
    assert 0 <= summary.bounding_box()["y"] < person.page.viewport_size["height"]


def test_near_a_zip_code(find_places, person):
    find_places(person, "marigold").reads("The 10 best matches")
    person.page.get_by_label("ZIP code").press_sequentially("02115")

    person.reads("near 02115")

    assert "Boston, MA · " in person.page.locator("#place-1").inner_text()
    assert "mile" in person.page.locator("#place-1").inner_text()
    assert person.page.url.endswith("?q=marigold&near=02115")
    person.page.get_by_label("ZIP code").fill("00000")
    person.reads("We do not know the ZIP code 00000.")
    assert person.page.get_by_label("ZIP code").get_attribute("aria-invalid") == "true"
    assert len(names(person)) == 10, "the words still count"
    person.page.get_by_label("ZIP code").fill("94612")
    person.reads("near 94612")
    assert "Oakland, CA · under a mile" in person.page.locator("#place-1").inner_text()
    assert person.page.get_by_text("We do not know").count() == 0


def test_near_a_zip_code_without_script(flow, person_without_script):
    page = person_without_script.open(flow["url"]).page
    assert page.get_by_role("button", name="Use my location").count() == 0
    page.get_by_label("ZIP code").fill("94612")

    person_without_script.press("Search").reads("nearest places near 94612")

    assert "Oakland, CA · under a mile" in page.locator("#place-1").inner_text()


def at_home(chromium, **options) -> Person:
    return Person(chromium, width=320, height=700, geolocation=BOSTON, **options)


def test_the_position_is_asked_for_only_on_a_press_and_leaves_no_trace(product, find_places, chromium):
    person = at_home(chromium, permissions=["geolocation"])
    asked: list = []
    person.page.on("request", lambda request: asked.append(request))
    person.page.add_init_script("""
        const ask = navigator.geolocation.getCurrentPosition.bind(navigator.geolocation);
        window.timesAsked = 0;
        navigator.geolocation.getCurrentPosition = (...rest) => { window.timesAsked += 1; ask(...rest); };
    """)
    find_places(person, "marigold").reads("The 10 best matches")
    assert person.page.evaluate("window.timesAsked") == 0

    person.press("Use my location").reads("near you")

    assert "Boston, MA · " in person.page.locator("#place-1").inner_text()
    assert person.page.url.endswith("?q=marigold")
    assert [request.headers["x-position"] for request in asked if "x-position" in request.headers] == ["42.36,-71.06"]
    assert not [request.url for request in asked if "71.0" in request.url]
    person.follow("Show more").reads("The 20 best matches")
    assert "near you" in person.page.locator("#results-title").inner_text()

    person.press("Stop using my location").reads("Your location is no longer used.")
    person.page.locator("#results-title", has_text=re.compile("”$")).wait_for()
    person.press("Use my location").reads("near you")
    person.page.get_by_label("ZIP code").fill("94612")
    person.reads("near 94612").reads("The ZIP code is used in place of your location.")
    # Half of the pair would be found in the time of some line.
    assert "-71.0" not in product.logs()
    assert "-71.0" not in product.database_dump()
    person.leave()


def test_a_position_that_is_refused_says_what_to_do(find_places, chromium):
    person = at_home(chromium, permissions=[])
    find_places(person, "marigold").reads("The 10 best matches")

    person.press("Use my location").reads("You can type your ZIP code instead.")

    assert len(names(person)) == 10
    person.leave()


def test_one_place_with_two_portals(find_places, person):
    find_places(person, "larkspur").reads("They have 2 portals. Choose yours:")

    person.follow("Larkspur Kids").reads("Next, you sign in to").press("Continue to sign in")
    person.sign_in_to_sandbox("noah").reads("You are connected")

    assert person.page.get_by_text("Larkspur Health").is_visible()


def test_a_patient_is_offered_what_they_used_before(product, app, flow, person):
    person.open(f"{flow['url']}?q=riverside").follow(RIVERSIDE).press("Continue to sign in")
    person.sign_in_to_sandbox("maria").reads("You are connected")

    again = product.post("/patient-flows", {"patient_id": flow["patient_id"], "return_url": app.url("/back")})
    person.open(again["url"]).reads("You used before")

    person.follow(RIVERSIDE).press("Continue to sign in")
    person.sign_in_to_sandbox("maria").reads("You are connected")


def tell_what_is_missing(person: Person, flow: dict) -> None:
    person.open(flow["url"]).search("zzqqxx").reads("No match for").follow("My hospital is not listed")
    person.reads("Please write nothing about your health here.")
    assert person.page.get_by_label("Name of the hospital").input_value() == "zzqqxx"
    person.page.get_by_label("Name of the hospital").fill("")
    person.press("Send").reads("Type the name of a hospital")
    person.page.get_by_label("Name of the hospital").fill("Granite Valley Hospital")
    person.page.get_by_label("Town and state").fill("Roseville, CA")
    person.press("Send").reads("Thank you").reads("We cannot promise that")
    person.follow("Search for another place").reads("Find your hospital")


def requests_of(product, flow: dict) -> str:
    code = (
        "from flows.models import SourceRequest; print(list(SourceRequest.objects"
        f".filter(flow={flow['id'][3:]!r}).values_list('name', 'place', 'query', 'status')))"
    )
    return product.manage("shell", "-v0", "-c", code)


NOTED = "[('Granite Valley Hospital', 'Roseville, CA', 'zzqqxx', 'new')]"


def test_my_hospital_is_not_listed(product, flow, person):
    tell_what_is_missing(person, flow)

    assert requests_of(product, flow) == NOTED


def test_my_hospital_is_not_listed_without_script(product, flow, person_without_script):
    tell_what_is_missing(person_without_script, flow)

    assert requests_of(product, flow) == NOTED
