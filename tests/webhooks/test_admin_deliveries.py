"""Staff see what was sent to endpoints and what those answered, without what is not for staff."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection as database
from django.utils import timezone
from django.utils.html import escape

from flows import links
from tests.admin.conftest import address, staff, world
from tests.admin.world import HOSTILE, new_attempt, new_endpoint, new_event, signatures_in
from tests.moments import NOW, from_now
from tests.webhooks.staffing import found, member_with, page, words
from webhooks.models import Delivery, Endpoint

__all__ = ["staff", "world"]


def test_attempts_are_shown_with_request_and_answer(staff, world):
    for shown in (world.endpoint, world.delivery):
        told = words(page(staff, shown))
        assert "failed" in told
        assert "status 500 132 ms" in told
        assert "What went wrong: It failed." in told
        assert "POST https://hooks.bluebird.example/in?note=x Content-Type: application/json" in told
        assert f"webhook-id: {world.delivery.public_id}" in told
        assert "v1=[hidden]" in told
        assert "&quot;type&quot;: &quot;session.completed&quot;" in told


@pytest.mark.parametrize("row", ["endpoint", "delivery", "told"])
def test_links_signatures_and_secrets_are_on_no_page(staff, world, row):
    token, attempt = links.token_for(world.flow.pk), world.delivery.tries.get()
    assert token in attempt.response_body
    assert token in world.delivery.body

    html = page(staff, getattr(world, row))

    for secret in (token, *signatures_in(attempt.response_body), world.endpoint.secret, world.endpoint.previous_secret):
        assert secret not in html


@pytest.mark.parametrize(
    "answer",
    [
        "see https://app.example/c/{token} please",
        r"see https:\/\/app.example\/c\/{token} please",
        "see https%3A%2F%2Fapp.example%2Fc%2F{token} please",
        "see {token} please",
        "cut off at https://app.example/c/{cut}",
    ],
)
def test_an_answer_that_repeats_the_link_is_shown_without_it(staff, world, answer):
    token = links.token_for(world.flow.pk)
    new_attempt(world.delivery, "failed", response_body=answer.format(token=token, cut=token[:20]))

    html = page(staff, world.delivery)

    assert "[hidden]" in html
    assert token[:20] not in html


@pytest.mark.parametrize(
    "as_written", [("/", "/"), ("/", "\\/"), ("+", "\\u002B"), ("+", "%2B")], ids=["", "PHP", ".NET", "a form"]
)
def test_an_answer_that_repeats_a_signature_is_shown_without_it(staff, world, as_written):
    signature = "v1,K7/ab+cdEFGHIJKLMNOPQRSTUVWXYZ0123456789abcd=".replace(*as_written)
    new_attempt(world.delivery, "failed", response_body=f'{{"webhook-signature": "{signature}"}}')

    html = page(staff, world.delivery)

    assert "v1,[hidden]" in html
    assert "EFGHIJ" not in html


@pytest.mark.parametrize("row", ["endpoint", "delivery", "told"])
def test_the_words_of_receivers_and_apps_are_escaped(staff, world, row):
    html = page(staff, getattr(world, row))

    assert HOSTILE not in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert escape("<script>alert(") in html


def test_a_body_whose_key_was_lost_takes_nothing_along(staff, world):
    with database.cursor() as cursor:
        cursor.execute("UPDATE webhooks_delivery SET body = 'gAAAAABunreadable'")

    for shown in (world.endpoint, world.delivery):
        html = page(staff, shown)
        assert "the key that it was encrypted with is not among ENCRYPTION_KEYS" in html
        assert "status 500" in html


def test_staff_who_may_not_see_deliveries_see_no_bodies(world):
    client = member_with("view_endpoint", "view_event")

    html = page(client, world.endpoint)

    assert "Attempts by day" in html
    assert "The last attempts" not in html
    assert world.delivery.public_id not in html
    assert world.delivery.pk not in page(client, world.told)
    assert client.get(address(Delivery, "change", world.delivery.pk)).status_code == 403


def test_deliveries_are_found_by_progress_type_and_endpoint(staff, world, organization):
    other = new_endpoint(organization, events=["session.completed"])
    second = new_event(world.flow)
    to_other, to_first = second.deliveries.get(endpoint=other), second.deliveries.get(endpoint=world.endpoint)
    Delivery.objects.filter(pk=to_other.pk).update(next_attempt_at=None)
    Delivery.objects.filter(pk=to_first.pk).update(next_attempt_at=None, delivered_at=timezone.now())

    assert found(staff, Delivery, progress="waiting") == [world.delivery.pk]
    assert found(staff, Delivery, progress="held") == [to_other.pk]
    assert found(staff, Delivery, progress="delivered") == [to_first.pk]
    assert found(staff, Delivery, endpoint__id__exact=other.pk) == [to_other.pk]
    assert found(staff, Delivery, type="patient.deleted") == []
    assert found(staff, Delivery, q=world.told.public_id) == [world.delivery.pk]


@pytest.mark.parametrize(
    ("told", "row"),
    [
        ("waiting", {}),
        ("retrying", {"attempts": 3}),
        ("under way", {"claimed_until": timedelta(hours=1)}),
        ("held", {"next_attempt_at": None}),
        ("delivered", {"next_attempt_at": None, "delivered_at": NOW}),
        ("waiting", {"delivered_at": NOW}),
    ],
)
def test_the_list_says_how_far_an_event_is(staff, world, told, row):
    Delivery.objects.update(**from_now(row))

    html = staff.get(address(Delivery, "changelist")).content.decode()

    assert re.search(rf'staff-badge--\w+">{told}<', html)


def test_the_page_of_an_event_says_to_whom_it_is_sent(staff, world):
    told = page(staff, world.told)

    assert f"/admin/webhooks/delivery/{world.delivery.pk}/change/" in told
    assert f"{world.endpoint.host}: {world.endpoint.description[:60]}" in unescape(told)
    assert "waiting session.completed 0" in words(told)


def test_an_event_that_nobody_wanted_says_so(staff, world):
    Endpoint.objects.update(events=["patient.deleted"])

    assert "To nobody: no endpoint wanted to be told." in page(staff, new_event(world.flow))
