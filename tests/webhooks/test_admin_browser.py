"""The staff's pages about webhooks in a real browser, narrow and wide, light and dark."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright

from tests.admin.conftest import address
from tests.admin.test_browser import sign_in, visited, watch
from tests.admin.world import World, new_attempt, new_endpoint, new_event
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.person import WCAG
from tests.webhooks.staffing import switched_off
from webhooks.models import Delivery, Disabled, Endpoint

__all__ = ["visited"]

pytestmark = pytest.mark.browser

LONG_HOST = "https://a-rather-long-name-of-a-receiver.eu-central-1.bluebird.example:8443/webhooks/in"
# What is around them is django-unfold's.
OURS = {"include": [[".staff-section"], [".staff-card"]], "exclude": []}


def pages_of(world: World) -> list[str]:
    """Every page, with something in each of its parts."""
    new_endpoint(world.organization, failing_since=timezone.now())
    disabled = new_endpoint(world.organization, url=LONG_HOST)
    for delivery in new_event(world.flow).deliveries.all():
        new_attempt(delivery, "delivered", ago=timedelta(days=1), status_code=200)
        new_attempt(delivery, "unknown", duration_ms=None)
    held = switched_off(disabled, Disabled.GONE).deliveries.get()
    rows = [world.endpoint, disabled, world.delivery, held, world.told]
    lists = [address(Endpoint, "changelist"), address(Delivery, "changelist")]
    disable = f"/admin/webhooks/endpoint/{world.endpoint.pk}/disable/"
    return ["/admin/", *lists, disable, *(address(type(row), "change", row.pk) for row in rows)]


def check(page: Page) -> None:
    for attempt in page.locator("details.staff-try").all()[:3]:
        attempt.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    cut_off = page.locator("#result_list td, #result_list th").evaluate_all(
        "cells => cells.filter(cell => cell.scrollHeight > cell.clientHeight + 1).map(cell => cell.innerText)"
    )
    assert cut_off == [], page.url
    if page.locator(".staff-section, .staff-card").count():
        found = Axe().run(page, context=OURS, options=WCAG).response["violations"]
        # A part of a page is no page: it has no main heading of its own.
        words = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found if rule["id"] != "region"]
        assert words == [], page.url


def look_at(browser: Browser, site: str, paths: list[str], width: int, theme: str) -> list[str]:
    """Walk through all pages; what the browser complains about."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
    complaints = watch(page, site)
    sign_in(page, site)
    for path in paths:
        page.goto(site + path)
        page.wait_for_load_state("networkidle")
        check(page)
    page.close()
    return complaints


def test_pages_are_fit_to_be_shown(visited, live_server):
    paths = pages_of(visited)

    # Playwright leaves before the database is put back: Django refuses its queries inside an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        complaints = [
            complaint
            for width, theme in ((320, "light"), (1280, "dark"))
            for complaint in look_at(browser, live_server.url, paths, width, theme)
        ]
        browser.close()

    assert complaints == []


def test_an_event_is_sent_again_and_an_endpoint_tested_by_their_buttons(visited, live_server):
    delivery = address(Delivery, "change", visited.delivery.pk)
    endpoint = address(Endpoint, "change", visited.endpoint.pk)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 320, "height": 700})
        complaints = watch(page, live_server.url)
        sign_in(page, live_server.url)
        page.goto(live_server.url + delivery)
        page.get_by_role("button", name="Send again").click()
        page.get_by_text("It is sent again.").wait_for()

        page.goto(live_server.url + endpoint)
        page.get_by_label("An example of").select_option("patient.deleted")
        page.get_by_role("button", name="Send test").click()
        page.get_by_text("A test event is on its way.").wait_for()

        page.get_by_role("link", name="Disable …").click()
        page.get_by_role("button", name="Disable").click()
        page.get_by_role("button", name="Revive").click()
        page.get_by_text("Revived.").wait_for()
        page.get_by_role("button", name="Replay what was not delivered").click()
        page.get_by_text("One event is sent again.").wait_for()  # the test is none
        browser.close()

    assert complaints == []
    assert Delivery.objects.filter(next_attempt_at__isnull=False).count() == 1
    assert Endpoint.objects.get().is_active
