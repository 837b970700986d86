"""Staff switch endpoints off and on, and send events again."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.conftest import address, staff, world
from tests.admin.world import new_event
from tests.webhooks.staffing import act, member_with, page, switched_off
from webhooks.events import EventType
from webhooks.models import Delivery, Disabled, Endpoint, Event

__all__ = ["staff", "world"]


ACTS = [("endpoint", "disable"), ("endpoint", "revive"), ("endpoint", "replay"), ("endpoint", "test")]


def test_staff_disable_an_endpoint_after_being_asked_and_it_is_noted(staff, world):
    path = f"/admin/webhooks/endpoint/{world.endpoint.pk}/disable/"
    assert path in page(staff, world.endpoint)
    assert "Disable the endpoint at hooks.bluebird.example?" in staff.get(path).content.decode()
    assert Endpoint.objects.get().is_active

    told = act(staff, world.endpoint, "disable").content.decode()

    world.endpoint.refresh_from_db()
    assert world.endpoint.disabled_because == Disabled.ASKED
    assert "What happens from now on is held." in told
    assert Delivery.objects.get().next_attempt_at is None
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (world.endpoint.public_id, "Disabled.")


def test_staff_revive_an_endpoint_and_it_is_noted(staff, world):
    switched_off(world.endpoint)

    told = act(staff, world.endpoint, "revive").content.decode()

    world.endpoint.refresh_from_db()
    assert world.endpoint.is_active
    assert "Revived." in told
    assert Delivery.objects.get().next_attempt_at is None
    assert LogEntry.objects.get().change_message == "Revived."


def test_what_is_so_already_is_neither_done_nor_noted_again(staff, world):
    told = act(staff, world.endpoint, "revive").content.decode()

    assert "Nothing was changed: it is so already." in told
    assert not LogEntry.objects.exists()


def test_staff_send_an_event_again_and_it_is_noted(staff, world):
    Delivery.objects.update(next_attempt_at=None, delivered_at=timezone.now())

    told = act(staff, world.delivery, "again").content.decode()

    world.delivery.refresh_from_db()
    assert world.delivery.next_attempt_at == world.delivery.last_redelivered_at
    assert "It is sent again." in told
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (world.delivery.public_id, "Sent again.")


def test_staff_wait_a_minute_between_two_times_as_apps_do(staff, world):
    act(staff, world.delivery, "again")

    told = act(staff, world.delivery, "again").content.decode()

    assert "An event can be redelivered once a minute." in told
    assert LogEntry.objects.count() == 1


def test_nothing_is_sent_to_a_disabled_endpoint(staff, world):
    switched_off(world.endpoint)

    assert "/again/" not in page(staff, world.delivery)
    for row, name, fields in (
        (world.delivery, "again", {}),
        (world.endpoint, "replay", {}),
        (world.endpoint, "test", {"type": "patient.deleted"}),
    ):
        assert "The endpoint is disabled." in act(staff, row, name, **fields).content.decode()
    assert Delivery.objects.get().next_attempt_at is None
    assert not LogEntry.objects.exists()


def test_staff_replay_what_was_not_delivered(staff, world):
    delivered = new_event(world.flow).deliveries.get()
    Delivery.objects.update(next_attempt_at=None)
    Delivery.objects.filter(pk=delivered.pk).update(delivered_at=timezone.now())
    assert "Replay what was not delivered" in page(staff, world.endpoint)

    told = act(staff, world.endpoint, "replay").content.decode()

    assert "One event is sent again." in told
    assert [row.pk for row in Delivery.objects.filter(next_attempt_at__isnull=False)] == [world.delivery.pk]
    assert LogEntry.objects.get().change_message == "Replayed what was not delivered."


@pytest.mark.parametrize("wanted", EventType)
def test_staff_send_an_example_of_every_type(staff, world, wanted):
    act(staff, world.endpoint, "test", type=wanted.value)

    test = Delivery.objects.get(event=None)
    assert (test.type, test.endpoint_id) == (wanted, world.endpoint.pk)
    assert "Not there: it was a test." in page(staff, test)
    assert Event.objects.count() == 1


@pytest.mark.parametrize("wanted", ["", "made.up", "*", "\x00"])
def test_there_are_no_examples_of_other_types(staff, world, wanted):
    told = act(staff, world.endpoint, "test", type=wanted)

    assert "There is no such type of event." in told.content.decode()
    assert not Delivery.objects.filter(event=None).exists()


@pytest.mark.parametrize(("row", "name"), [*ACTS, ("delivery", "again")])
def test_acting_needs_the_right_to_change(world, row, name):
    client, row = member_with("view_endpoint", "view_delivery", "view_event", "change_event"), getattr(world, row)

    assert f"/{row.pk}/{name}/" not in page(client, row)
    assert act(client, row, name, type="patient.deleted").status_code == 403
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(("row", "name"), [*ACTS[1:], ("delivery", "again")])
def test_whoever_had_to_sign_in_first_comes_back_to_the_page_and_reads_that_nothing_was_done(staff, world, row, name):
    row, stranger = getattr(world, row), Client()

    led_to_sign_in = act(stranger, row, name, type="patient.deleted")
    sign_in = {"username": "boss", "password": "correct horse battery"}
    answer = stranger.post(led_to_sign_in.redirect_chain[0][0], sign_in, follow=True)

    assert answer.redirect_chain[-1][0] == address(type(row), "change", row.pk)
    assert answer.status_code == 200
    assert "Nothing was done." in answer.content.decode()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(("row", "name"), [*ACTS, ("delivery", "again")])
def test_another_site_cannot_press_the_buttons(world, row, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("boss", password="correct horse battery"))

    assert act(client, getattr(world, row), name).status_code == 403


@pytest.mark.parametrize(("model", "name"), [*ACTS, ("delivery", "again")])
def test_what_is_gone_cannot_be_acted_on(staff, db, model, name):
    assert staff.post(f"/admin/webhooks/{model}/01M00000000000000000000000/{name}/").status_code == 404
