"""The page that says what came of it, as things are now and to whom they belong."""

import pytest


@pytest.fixture
def connected(browser, flow, riverside, portal):
    """The browser, on the page that says that it is connected."""
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id))).follow()
    assert "You are connected" in browser.text
    return browser


def test_a_connection_that_has_ended_since_is_told_as_that_and_may_be_made_again(api, connected, flow):
    [connection] = api.get(f"/patient-flows/{flow['id']}").json["connections"]
    assert api.delete(f"/patients/p-1/connections/{connection['id']}").status == 200

    connected.open(f"{flow['url']}/done")

    assert "Riverside Hospital You were connected here, but that connection has ended since." in connected.text
    assert "Connect again" in connected.text
    assert "Not connected yet" not in connected.text
    assert "Try again" not in connected.text
