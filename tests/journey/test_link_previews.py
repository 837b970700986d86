"""What mail scanners and message apps do with a link before a patient opens it: HEAD, and a slash at its end."""

from urllib.parse import urlsplit

import pytest

from flows.models import Authorization


def path_of(flow: dict) -> str:
    return urlsplit(flow["url"]).path


@pytest.fixture
def direct(api, riverside):
    body = {"patient_id": "p-1", "return_url": "https://app.example/back", "connection_id": riverside.id}
    return api.post("/sessions", body).json


@pytest.mark.parametrize("page", ["", "/confirm?connection_id={}", "/missing", "/done", "/missing/thanks", "/return"])
def test_head_answers_as_get_does_without_the_page(client, flow, riverside, page):
    address = path_of(flow) + page.format(riverside.id)
    got = client.get(address)

    asked = client.head(address)

    assert asked.status_code == got.status_code
    assert asked.get("Location") == got.get("Location")
    assert asked.content == b""


def test_head_on_a_direct_link_begins_no_sign_in(client, direct):
    answer = client.head(path_of(direct))

    assert answer.status_code == 200
    assert not Authorization.objects.exists()
    assert client.get(path_of(direct)).status_code == 303


def test_head_does_not_use_up_a_return_from_a_portal(browser, flow, riverside, portal):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))

    assert browser.client.head(back.removeprefix("http://testserver")).status_code == 405

    assert "You are connected" in browser.open(back).follow().text


@pytest.mark.parametrize(
    ("ending", "page"), [("/", ""), ("/?q=oak%20hill", "?q=oak%20hill"), ("//", ""), ("/done/", "/done")]
)
def test_a_slash_at_the_end_leads_to_the_page(browser, flow, ending, page):
    browser.open(path_of(flow) + ending)

    assert browser.location == path_of(flow) + page
