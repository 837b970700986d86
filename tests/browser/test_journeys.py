"""Whole journeys in Chromium against the running product: from the API's answer back to the app."""

import uuid

import pytest

from tests.browser.person import Person

pytestmark = pytest.mark.browser
RIVERSIDE, LAKESHORE, EVERGREEN = "Riverside General Hospital", "Lakeshore Children's Clinic", "Evergreen Health Plan"


@pytest.fixture
def flow(product, app):
    patient = f"p/1 ü {uuid.uuid4()}"
    return product.post("/patient-flows", {"patient_id": patient, "return_url": app.url("/back?from=here")})


def ulid(flow: dict) -> str:
    return flow["id"].split("_")[1]


def expected_return(flow: dict) -> dict[str, str]:
    return {
        "from": "here",
        "patient_id": flow["patient_id"],
        "patient_session_id": f"ps_{ulid(flow)}",
        "patient_flow_id": f"pf_{ulid(flow)}",
    }


def walk(person: Person, flow: dict) -> None:
    person.open(flow["url"]).reads("Find your hospital")
    person.search("riversi gen").reads("match")
    person.follow(RIVERSIDE).reads("Who will see your records").press("Continue to sign in")
    person.sign_in_to_sandbox("maria").reads("You are connected")
    person.press("Return to Bluebird Health")


def test_a_patient_on_a_phone_connects_and_goes_back(product, app, flow, person):
    walk(person, flow)

    person.page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [expected_return(flow)]
    read = product.get(f"/patient-flows/{flow['id']}")
    assert read["status"] == "complete"
    assert [entry["status"] for entry in read["connections"]] == ["active"]


def test_the_same_without_script(product, app, flow, person_without_script):
    walk(person_without_script, flow)

    person_without_script.page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [expected_return(flow)]


def test_direct_mode(product, app, person):
    source = product.source(LAKESHORE)
    body = {"patient_id": "p-2", "return_url": app.url("/back"), "connection_id": source}
    flow = product.post("/sessions", body)

    person.open(flow["url"]).sign_in_to_sandbox("noah")

    person.page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [
        {
            "patient_id": "p-2",
            "patient_session_id": f"ps_{ulid(flow)}",
            "session_id": f"sess_{ulid(flow)}",
            "success": "true",
            "connection_id": source,
        }
    ]
    assert product.get(f"/sessions/{flow['id']}")["status"] == "complete"


def test_a_parent_chooses_whose_chart_and_connects_two_places(product, app, flow, person):
    person.open(flow["url"]).search("evergreen").reads("match").follow(EVERGREEN).press("Continue to sign in")
    person.sign_in_to_sandbox("grace", chart="Leo").reads("You are connected")
    person.follow("Connect another place").reads("Find your hospital")

    person.search("lakeshore").reads("match").follow(LAKESHORE).press("Continue to sign in")
    person.sign_in_to_sandbox("noah").reads("You are connected")

    assert person.page.get_by_text(EVERGREEN).is_visible()
    assert person.page.get_by_text(LAKESHORE).is_visible()


def test_a_denial_and_then_a_second_try(product, app, flow, person):
    person.open(f"{flow['url']}?q=riverside").follow(RIVERSIDE).press("Continue to sign in")
    person.sign_in_to_sandbox("maria", decision="deny").reads("You chose not to share your records from here.")
    person.follow("Try again").press("Continue to sign in")
    person.sign_in_to_sandbox("maria").reads("You are connected")

    codes = [entry["failure_code"] for entry in product.get(f"/sessions/{flow['id']}")["connections"]]
    assert codes == [None, "user_denied"]


@pytest.mark.parametrize("username", ["oscar", "tina"])
def test_an_error_at_the_portal(product, app, flow, person, username):
    person.open(f"{flow['url']}?q=riverside").follow(RIVERSIDE).press("Continue to sign in")
    person.sign_in_to_sandbox(username).reads("Their sign-in page reported a problem")

    person.press("Return to Bluebird Health")
    person.page.wait_for_url(f"{app.origin}/**")
    assert product.get(f"/sessions/{flow['id']}")["connections"][0]["failure_code"] == "oauth_callback_failed"


def test_a_portal_that_does_not_say_whose_record_it_is(product, flow, person):
    person.open(f"{flow['url']}?q=riverside").follow(RIVERSIDE).press("Continue to sign in")

    person.sign_in_to_sandbox("iris").reads("did not say whose records to open")


def test_an_expired_link(product, app, flow, person):
    expire = "from flows.models import *; from django.utils import timezone as t"
    product.manage("shell", "-c", f"{expire}; PatientFlow.objects.filter(pk='{ulid(flow)}').update(expires_at=t.now())")

    person.open(flow["url"]).reads("This link has closed")
    person.press("Return to Bluebird Health")

    person.page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [expected_return(flow)]


def test_a_reused_link(app, flow, person):
    walk(person, flow)
    person.page.wait_for_url(f"{app.origin}/**")

    person.open(flow["url"]).reads("You have finished here")
    person.press("Return to Bluebird Health")

    person.page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [expected_return(flow)] * 2


def test_a_patient_who_finds_nothing_can_always_go_back(product, app, flow, person):
    person.open(flow["url"]).search("zzzzzz").reads("No match for")
    person.press("Return to Bluebird Health")

    person.page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [expected_return(flow)]
    assert product.get(f"/sessions/{flow['id']}")["connections"] == []


def test_an_unknown_link(product, person):
    person.open(f"{product.base_url}/c/{'0' * 32}").reads("We cannot find this page")


def test_going_back_from_the_next_page_finds_the_same_results(product, flow, person):
    person.open(flow["url"]).search("lakeshore").reads("match").follow(LAKESHORE).reads("Who will see your records")

    person.page.go_back()
    person.reads("match")

    assert person.page.get_by_role("searchbox").input_value() == "lakeshore"
    person.follow(LAKESHORE).follow("Choose another place").reads("match")


def test_keyboard_only(product, app, flow, person):
    page = person.open(flow["url"]).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the main part"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("riverside general")
    person.reads("match")
    tab_to(page, RIVERSIDE)
    page.keyboard.press("Enter")
    person.reads("Who will see your records")
    tab_to(page, "Continue to sign in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sandbox/**")
    tab_to_field(page, "username")
    page.keyboard.type("noah")
    tab_to_field(page, "password")
    page.keyboard.type("sandbox-1234")
    page.keyboard.press("Enter")
    page.locator("button[value=allow]").wait_for()
    tab_to(page, "Allow")
    page.keyboard.press("Enter")
    person.reads("You are connected")
    tab_to(page, "Return to Bluebird Health")
    page.keyboard.press("Enter")

    page.wait_for_url(f"{app.origin}/**")
    assert app.arrivals == [expected_return(flow)]


FOCUSED = """(() => {
    const element = document.activeElement;
    return [element.tagName, element.textContent.trim(), getComputedStyle(element).outlineStyle];
})()"""


def tab_to(page, text: str) -> None:
    """Press Tab until the focus is on a link or button with this text, seeing the focus on the way."""
    for _ in range(60):
        page.keyboard.press("Tab")
        tag, words, outline = page.evaluate(FOCUSED)
        if tag == "BODY":  # past the end of the page, before its beginning
            continue
        assert outline != "none", f"the focus on {words!r} cannot be seen"
        if text in words:
            return
    raise AssertionError(f"Tab never reached {text!r}")


def tab_to_field(page, name: str) -> None:
    for _ in range(30):
        if page.evaluate("document.activeElement.name") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reached the field {name!r}")


def test_two_presses_of_continue_are_one_sign_in(product, flow, person):
    person.open(f"{flow['url']}/confirm?connection_id={product.source(RIVERSIDE)}")
    person.page.get_by_role("button", name="Continue to sign in").dblclick()

    person.sign_in_to_sandbox("noah").reads("You are connected")


def test_every_page_in_the_dark(product, app, flow, chromium):
    night_owl = Person(chromium, width=1280, height=800, color_scheme="dark")
    walk(night_owl, flow)
    night_owl.page.wait_for_url(f"{app.origin}/**")
    night_owl.leave()


def test_the_first_page_is_light_and_asks_nobody_else(product, flow, chromium):
    newcomer = Person(chromium, width=390, height=800)
    session = newcomer.context.new_cdp_session(newcomer.page)
    session.send("Network.enable")
    received: list[int] = []
    asked: list[str] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    session.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))

    newcomer.page.goto(flow["url"], wait_until="networkidle")

    assert len(asked) >= 8
    assert all(url.startswith(product.base_url + "/") for url in asked)
    assert sum(received) <= 40_000
    newcomer.leave()
