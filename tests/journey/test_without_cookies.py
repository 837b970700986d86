"""A browser that keeps no cookies: every form is refused, and every page still leads on."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from flows.models import Authorization
from tests.journey.patient import PatientBrowser

BACK_IN_APP = "https://app.example/back?patient_id=p-1&patient_session_id="


@pytest.fixture
def submit_without_cookies(browser, flow):
    def submit(page: str, address: str = "", **fields: str) -> PatientBrowser:
        browser.open(flow["url"] + page)
        browser.client.cookies.clear()
        return browser.submit(urlsplit(flow["url"]).path + (address or page), **fields)

    return submit


def links_of(browser: PatientBrowser) -> list[str]:
    return [unescape(address) for address in re.findall(r'<a class="mc-button[^>]+href="([^"]+)"', browser.html)]


@pytest.mark.parametrize(
    ("page", "address"), [("", "/return"), ("/confirm?connection_id={}", "/connect"), ("/missing?q=oak", "")]
)
def test_a_refused_form_leads_back_to_its_page_and_to_the_app(
    api, submit_without_cookies, flow, riverside, page, address
):
    browser = submit_without_cookies(page.format(riverside.id), address)

    assert browser.status == 403
    assert "Your browser did not keep our cookie" in browser.text
    assert "Bluebird Health" in browser.text
    assert f"reference: {flow['id']}" in browser.text
    back, to_app = links_of(browser)
    assert to_app.startswith(BACK_IN_APP)
    browser.open(back)
    assert browser.status == 200 or browser.location == urlsplit(flow["url"]).path
    assert api.get(f"/patient-flows/{flow['id']}").json["status"] == "open"
    assert not Authorization.objects.exists()


def test_in_direct_mode_the_app_is_told_that_nobody_signed_in(browser, api, riverside, portal):
    body = {"patient_id": "p-1", "return_url": "https://app.example/back", "connection_id": riverside.id}
    flow = api.post("/sessions", body).json

    browser.page = browser.client.post(f"{urlsplit(flow['url']).path}/return")

    _, to_app = links_of(browser)
    assert to_app.startswith(BACK_IN_APP)
    assert "&success=false&error=oauth_callback_failed&" in to_app


def test_a_form_of_an_unknown_link_is_refused_without_any_link(db, browser):
    browser.page = browser.client.post(f"/c/{'0' * 32}/return")

    assert browser.status == 403
    assert links_of(browser) == []
