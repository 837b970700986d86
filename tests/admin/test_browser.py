"""The admin in a real browser: its strict policy breaks nothing, and everything comes from this site."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, sync_playwright

from flows.models import AuthorizationEvent, SourceRequest
from patients.models import Patient
from sources.models import Source
from tests.admin.conftest import address, models
from tests.admin.world import World, build
from tests.browser.chromium import ARGUMENTS, find_chromium
from webhooks.models import Endpoint

pytestmark = pytest.mark.browser

ROWS = (
    "patient",
    "flow",
    "authorization",
    "connection",
    "pull",
    "registration",
    "source",
    "key",
    "organization",
    "endpoint",
    "delivery",
    "told",
)


LONG = "x" * 200
FROM_OUTSIDE = {
    AuthorizationEvent: ["portal_description"],
    Endpoint: ["description"],
    Patient: ["email", "name"],
    Source: ["name"],
    SourceRequest: ["name", "place", "portal_address"],
}
# With what a cell has around its text.
WIDEST_CELL = 400
WIDTH_OF_CELLS = "Math.max(0, ...[...document.querySelectorAll('#result_list td')].map(cell => cell.offsetWidth))"


@pytest.fixture
def visited(live_server, organization) -> World:
    """A world in which what comes from outside is as long as it may be, in one word."""
    User.objects.create_superuser("boss", password="correct horse battery")
    world = build(organization)
    for model, names in FROM_OUTSIDE.items():
        model.objects.update(**dict.fromkeys(names, LONG))
    return world


def watch(page: Page, site: str) -> list[str]:
    """What the browser complains about, and requests that leave the site."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(site) else complaints.append(sent.url))
    return complaints


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/")
    page.fill("#id_username", "boss")
    page.fill("#id_password", "correct horse battery")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Failures by source")


def test_pages_work_under_the_policy(visited, live_server):
    rows = [getattr(visited, name) for name in ROWS]
    lists = [address(model, "changelist") for model in models()]
    pages = lists + [address(type(row), "change", row.pk) for row in rows]
    stretched = [address(model, "changelist") for model in FROM_OUTSIDE]
    new_key = address(type(visited.key), "add")

    # Playwright leaves before the database is put back: Django refuses its queries inside an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        complaints = watch(page, live_server.url)
        sign_in(page, live_server.url)
        for path in pages:
            page.goto(live_server.url + path)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
            if path in stretched:
                assert page.evaluate(WIDTH_OF_CELLS) < WIDEST_CELL, path

        page.goto(live_server.url + new_key)
        page.click(".select2-selection")
        page.fill(".select2-search__field", "blue")
        page.click(".select2-results__option--highlighted:has-text('Bluebird')")
        page.fill("#id_name", "from a browser")
        page.click("[name=_save]")
        assert page.inner_text(".staff-secret").startswith("mb_sk_sbx_")

        page.goto(live_server.url + address(type(visited.flow), "changelist"))
        page.click("text=Filters")
        page.select_option("select[name=status]", "complete", force=True)
        page.click("text=Apply Filters")
        assert "status=complete" in page.url

        page.click("text=boss")
        page.click("text=Dark")
        assert page.get_attribute("html", "class") == "dark"
        page.wait_for_load_state("networkidle")
        browser.close()

    assert complaints == []
