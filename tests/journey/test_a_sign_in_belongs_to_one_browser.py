"""State: single use, bound to the browser that started it and to the source (RFC 9700)."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections

from flows.models import Authorization, AuthorizationEvent
from patients.models import Connection
from tests.journey.patient import PatientBrowser
from tests.portals import Choices


def test_a_callback_opened_in_another_browser_is_not_accepted_and_stays_good_for_the_right_one(
    browser, flow, riverside, portal
):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))

    stranger, without_cookies = PatientBrowser().open(flow["url"]), PatientBrowser()
    for other, words in (
        (stranger, "Please continue in the browser you started in"),
        (without_cookies, "Your browser did not keep our cookie"),
    ):
        other.open(back)
        assert other.status == 400
        assert words in other.text
        assert f"reference: {flow['id']}" in other.text
        assert '<a class="mc-button mc-button--secondary" href="https://app.example"' in other.html
        for secret in (urlsplit(flow["url"]).path, "app.example/back", "p-1"):
            assert secret not in other.html
    assert not Connection.objects.exists()
    assert AuthorizationEvent.objects.filter(kind="refused", code="other_browser").count() == 2

    assert "You are connected" in browser.open(back).follow().text


@pytest.mark.parametrize(
    "query", ["", "?state=", "?state=wrong", "?code=x", "?state=%00", "?state=" + "x" * 9000, "?state=a&state=b"]
)
def test_a_return_that_belongs_to_no_sign_in_gets_a_kind_page(db, browser, query):
    browser.open(f"/oauth/callback{query}")

    assert browser.status == 400
    assert "Nothing was shared" in browser.text


def test_the_callback_takes_only_get(db, client):
    assert client.post("/oauth/callback?state=x&code=y").status_code == 405


def test_nothing_of_a_sign_in_is_stored_in_clear(browser, flow, riverside, portal):
    leaving = browser.leave_for(flow, riverside.id)
    state = leaving.split("state=")[1].split("&")[0]

    row = Authorization.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT verifier FROM flows_authorization")
        stored = cursor.fetchone()[0]

    assert row.verifier
    assert row.verifier not in stored
    assert state not in repr(Authorization.objects.values().get())
    browser.open(portal.sign_in(leaving))
    assert Authorization.objects.get().verifier == ""


def test_tokens_are_never_stored_in_clear(browser, flow, riverside, portal):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM patients_connection c")
        [[row]] = cursor.fetchall()

    assert '"active"' in row
    assert portal.leaks_in(row) == []


@pytest.mark.django_db(transaction=True)
def test_the_same_callback_many_times_at_once_exchanges_the_code_once(api, flow, riverside, portal, browser):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    cookies = browser.client.cookies

    def come_back(_):
        try:
            another_tab = PatientBrowser()
            another_tab.client.cookies = cookies
            return another_tab.open(back).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(come_back, range(8)))

    assert statuses == [303] * 8
    assert len(portal.received("/token")) == 1
    assert Connection.objects.get().status == "active"


def test_a_second_tab_during_the_exchange_waits_and_can_check_again(browser, flow, riverside, portal):
    from django.utils import timezone

    browser.leave_for(flow, riverside.id)
    Authorization.objects.update(redeemed_at=timezone.now())

    browser.open(f"{flow['url']}/done")

    assert "Finishing the connection" in browser.text
    assert "Check again" in browser.text


@pytest.mark.parametrize("choices", [Choices(callback_state="wrong"), Choices(callback_state="absent")])
def test_a_portal_that_loses_the_state_gets_nothing_connected(api, browser, choices):
    from tests.journey.conftest import registered
    from tests.portals import Portal

    with Portal(choices) as portal:
        source = registered(portal, name="X")
        flow = api.post("/sessions", {"patient_id": "p", "return_url": "https://a.example"}).json
        browser.open(portal.sign_in(browser.leave_for(flow, source.id)))

    assert browser.status == 400
    assert not Connection.objects.exists()
