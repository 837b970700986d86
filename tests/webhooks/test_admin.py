"""Staff read what apps were told, and change nothing of it."""

from html import escape

from django.contrib.auth.models import Permission, User

from flows import links
from tests.admin.conftest import staff, world
from tests.admin.world import HOSTILE
from webhooks.models import Event
from webhooks.operations import emit

__all__ = ["staff", "world"]

LIST = "/admin/webhooks/event/"


def page_of(event: Event) -> str:
    return f"{LIST}{event.pk}/change/"


def test_the_page_of_an_event_shows_what_was_told_of_whom(staff, world):
    html = staff.get(page_of(world.told)).content.decode()

    for part in (world.told.public_id, "session.completed", "2026-04-25", world.flow.public_id, "Bluebird Health"):
        assert part in html
    assert f"/admin/patients/patient/{world.patient.pk}/change/" in html


def test_what_apps_and_portals_wrote_is_shown_as_text(staff, world):
    html = staff.get(page_of(world.told)).content.decode()

    assert HOSTILE not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert escape("<script>alert(") in html


def test_the_link_of_a_flow_is_not_shown(staff, world):
    assert world.told.full_object["url"].endswith(links.token_for(world.flow.pk))

    for path in (LIST, page_of(world.told)):
        assert links.token_for(world.flow.pk) not in staff.get(path).content.decode()


def test_an_event_about_nobody_is_shown_too(staff, world, organization):
    deleted = emit(organization, "patient.deleted", {"id": "patient-9"}, now=world.told.created_at)

    html = staff.get(page_of(deleted)).content.decode()

    assert "patient-9" in html
    assert "/admin/patients/patient/None" not in html


def test_events_are_found_by_type(staff, world, organization):
    deleted = emit(organization, "patient.deleted", {}, now=world.told.created_at)

    found = staff.get(LIST, {"type": "patient.deleted"}).context["cl"].result_list

    assert [event.pk for event in found] == [deleted.pk]


def test_only_staff_with_the_permission_see_events(client, world):
    client.force_login(user := User.objects.create_user("clerk", password="correct horse", is_staff=True))
    assert client.get(page_of(world.told)).status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="view_event", content_type__app_label="webhooks"))

    assert client.get(page_of(world.told)).status_code == 200
