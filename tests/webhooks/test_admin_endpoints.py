"""Staff see how endpoints do."""

import re
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.admin.conftest import address, staff, world
from tests.admin.world import new_attempt, new_endpoint, new_event
from tests.webhooks.staffing import found, page, switched_off, words
from webhooks.admin_health import Health
from webhooks.models import Delivery, Disabled, Endpoint

__all__ = ["staff", "world"]


def test_the_list_says_how_endpoints_do(staff, world):
    for minutes in range(3):
        new_attempt(world.delivery, "delivered", ago=timedelta(minutes=minutes), status_code=200)
    new_attempt(world.delivery, "delivered", ago=timedelta(hours=25), status_code=200)

    told = words(staff.get(address(Endpoint, "changelist")).content.decode())

    assert "hooks.bluebird.example active 75 % – 1 0 Bluebird Health" in told


def test_the_list_shows_no_more_of_an_address_than_its_host(staff, world):
    Endpoint.objects.update(url="https://hooks.example:8443/in/token-of-the-app?key=1")

    html = staff.get(address(Endpoint, "changelist")).content.decode()

    assert "hooks.example:8443" in html
    assert "token-of-the-app" not in html


@pytest.mark.parametrize(
    ("delivered", "ended", "share"),
    [(0, 0, "–"), (0, 3, "0 %"), (2, 3, "67 %"), (3, 3, "100 %"), (999, 1000, "> 99 %"), (1, 1000, "< 1 %")],
)
def test_a_share_is_rounded_neither_up_to_all_nor_down_to_none(delivered, ended, share):
    assert Health(delivered=delivered, ended=ended).share == share


def test_attempts_under_way_count_neither_way(staff, world):
    new_attempt(world.delivery, "open", duration_ms=None, response_body="", problem="")
    new_attempt(world.delivery, "delivered", status_code=200)

    assert "50 %" in staff.get(address(Endpoint, "changelist")).content.decode()


def test_endpoints_are_found_by_state(staff, world, organization):
    failing = new_endpoint(organization, failing_since=timezone.now())
    given_up = switched_off(new_endpoint(organization), Disabled.GONE)
    asked = switched_off(new_endpoint(organization), Disabled.ASKED)

    assert found(staff, Endpoint, state="active") == [world.endpoint.pk]
    assert found(staff, Endpoint, state="failing") == [failing.pk]
    assert found(staff, Endpoint, state="given_up") == [given_up.pk]
    assert found(staff, Endpoint, state="switched_off") == [asked.pk]


@pytest.fixture
def noon(time_machine):
    """In the middle of today, which no second of the test ends."""
    time_machine.move_to(timezone.now().replace(hour=12))


def test_the_page_of_an_endpoint_has_a_bar_for_each_day_with_its_numbers_in_words(noon, staff, world):
    yesterday = timezone.now() - timedelta(days=1)
    for minutes in range(3):
        new_attempt(world.delivery, "delivered", ago=timedelta(days=1, seconds=minutes), status_code=200)
    new_attempt(world.delivery, "unknown", ago=timedelta(days=1), duration_ms=None)
    new_attempt(world.delivery, "failed", ago=timedelta(days=40))

    html = page(staff, world.endpoint)

    assert f"{yesterday:%a %d %b} 3 delivered , 1 not known" in words(html)
    assert f"{timezone.now():%a %d %b} 1 failed" in words(html)
    assert f"{timezone.now() - timedelta(days=2):%a %d %b} none" in words(html)
    assert [int(width) for width in re.findall(r'class="staff-bar" style="width: (\d+)%', html)] == [25, 100]


def test_an_endpoint_that_was_never_tried_says_so(staff, organization):
    html = page(staff, new_endpoint(organization))

    assert "None in the last 14 days." in html
    assert "None so far." in html


def test_a_disabled_endpoint_says_why_and_what_to_do(staff, world):
    switched_off(world.endpoint, Disabled.GONE)

    told = words(page(staff, world.endpoint))

    assert "Disabled: the receiver answered that it is gone (410)" in told
    assert "revive the endpoint, then replay what is held" in told
    assert "Held: 1" in told


def test_it_is_said_who_is_told_by_mail_and_that_nobody_is(staff, world, organization):
    assert "Nobody: the organization has no contact email." in page(staff, world.endpoint)

    organization.contact_email = "team@bluebird.example"
    organization.save()

    assert "team@bluebird.example" in page(staff, world.endpoint)


def test_pages_cost_the_same_however_much_was_sent(staff, world):
    def costs() -> list[int]:
        counts = []
        for row in (world.endpoint, world.delivery, world.told):
            page(staff, row)
            with CaptureQueriesContext(database) as captured:
                page(staff, row)
            counts.append(len(captured))
        return counts

    few = costs()
    for number in range(30):
        new_attempt(world.delivery, "failed", status_code=500)
        new_endpoint(world.organization, description=str(number))
        for delivery in new_event(world.flow).deliveries.all()[:3]:
            new_attempt(delivery, "delivered", status_code=200)

    assert costs() == few
    assert max(few) <= 8


def test_secrets_are_not_loaded_nor_bodies_where_they_are_not_shown(staff, world):
    with CaptureQueriesContext(database) as captured:
        for path in ("/admin/", address(Endpoint, "changelist"), address(Delivery, "changelist")):
            staff.get(path)
        page(staff, world.told)
        without_bodies = len(captured)
        page(staff, world.endpoint)
        page(staff, world.delivery)

    loaded = [query["sql"] for query in captured]
    assert not [sql for sql in loaded if '"previous_secret"' in sql or '"webhooks_endpoint"."secret"' in sql]
    assert not [sql for sql in loaded[:without_bodies] if '"body"' in sql]


def test_the_index_counts_what_needs_somebody_and_leads_there(staff, world, organization):
    new_endpoint(organization, failing_since=timezone.now())
    switched_off(new_endpoint(organization))
    new_event(world.flow)

    html = staff.get("/admin/").content.decode()

    numbers = re.findall(r'href="(/admin/webhooks/[^"]*\?[^"]*)">(\d+)<', html)
    assert [number for _, number in numbers] == ["1", "1", "3", "1"]
    for link, number in numbers:
        assert len(staff.get(link).context["cl"].result_list) == int(number)
