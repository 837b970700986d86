"""Who gets in."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.conftest import address, models


@pytest.mark.parametrize("model", models(), ids=str)
def test_nobody_gets_in_without_a_staff_account(world, model):
    stranger, member = Client(), Client()
    member.force_login(User.objects.create_user("member", password="correct horse battery"))

    for client in (stranger, member):
        for page in ("changelist", "add"):
            answer = client.get(address(model, page))
            assert answer.status_code == 302
            assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", models(), ids=str)
def test_staff_without_permission_see_nothing(world, model):
    client = Client()
    client.force_login(User.objects.create_user("new", password="correct horse battery", is_staff=True))

    assert client.get(address(model, "changelist")).status_code == 403
    index = client.get("/admin/").content.decode()
    assert address(model, "changelist") not in index
    assert "Riverside" not in index


def test_the_login_page_signs_in(db):
    User.objects.create_superuser("boss", password="correct horse battery")
    client = Client()

    page = client.get("/admin/login/")
    answer = client.post("/admin/login/", {"username": "boss", "password": "correct horse battery"}, follow=True)

    assert "Medblocks Connect" in page.content.decode()
    assert answer.redirect_chain == [("/admin/", 302)]
    assert answer.status_code == 200


def test_sessions_are_not_in_the_admin():
    assert not [model for model in models() if model._meta.app_label == "sessions"]
