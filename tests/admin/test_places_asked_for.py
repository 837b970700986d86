"""Staff work through the places that patients asked for."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from flows.models import SourceRequest
from tests.admin.conftest import address
from tests.admin.world import new_wish


def act(staff: Client, action: str, *rows: SourceRequest):
    body = {"action": action, "_selected_action": [row.pk for row in rows]}
    return staff.post(address(SourceRequest, "changelist"), body, follow=True)


@pytest.mark.parametrize(
    ("action", "status"), [("mark_added", "added"), ("mark_declined", "declined"), ("mark_new", "new")]
)
def test_the_selected_ones_are_marked_and_each_change_is_in_the_history(staff, world, action, status):
    other = new_wish(world.flow, "Other")
    before = "added" if status == "new" else "new"
    SourceRequest.objects.update(status=before)

    page = act(staff, action, world.wish)

    assert f"1 was marked as {status}." in page.content.decode()
    assert SourceRequest.objects.get(pk=world.wish.pk).status == status
    assert SourceRequest.objects.get(pk=other.pk).status == before
    assert LogEntry.objects.get().object_id == world.wish.pk


def test_who_may_only_look_marks_nothing(db, world):
    viewer = User.objects.create_user("viewer", password="correct horse battery", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_sourcerequest"))
    client = Client()
    client.force_login(viewer)
    assert client.get(address(SourceRequest, "changelist")).status_code == 200

    act(client, "mark_added", world.wish)

    assert SourceRequest.objects.get().status == "new"


def test_what_a_patient_typed_is_shown_as_text(staff, world):
    for page in (address(SourceRequest, "changelist"), address(SourceRequest, "change", world.wish.pk)):
        html = staff.get(page).content.decode()
        assert "&lt;script&gt;alert" in html
        assert "<script>alert" not in html
        assert 'href="javascript:' not in html
