"""Who gets in."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from organizations.models import ApiKey
from tests.admin.conftest import address, models
from tests.pages import audit
from tests.webhooks.staffing import member_with

PATIENTS_WORDS = ("Your password stays", "your records", "If you came from an app")


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


def problem_page(answer, status: int) -> str:
    """The HTML of a page that says what went wrong, in words for staff and not for patients."""
    html = answer.content.decode()
    audit(html)
    assert answer.status_code == status
    assert not [words for words in PATIENTS_WORDS if words in html]
    assert 'href="/admin/"' in html
    assert answer["X-Request-Id"] in html
    return html


def test_whoever_lacks_a_right_reads_which(world):
    client = member_with("view_connection")
    disconnect = f"/admin/patients/connection/{world.connection.pk}/disconnect/"

    for answer, right in (
        (client.get(address(ApiKey, "changelist")), "Can view api key"),
        (client.get(address(ApiKey, "add")), "Can add api key"),
        (client.get(disconnect), "Can change connection"),
    ):
        assert f"the right “{right}”" in problem_page(answer, 403)


def test_what_nobody_may_do_names_no_right(staff, world):
    html = problem_page(staff.post(address(ApiKey, "delete", world.key.pk)), 403)

    assert "not possible for anybody" in html
    assert "the right “" not in html


def test_what_broke_is_told_to_staff_as_such(staff, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(admin.site._registry[ApiKey], "get_queryset", broken)
    staff.raise_request_exception = False

    assert "It has been logged with the request id below." in problem_page(
        staff.get(address(ApiKey, "changelist")), 500
    )


def test_what_is_not_there_is_told_to_staff_as_such(staff):
    assert "There is nothing here" in problem_page(staff.get("/admin/nothing/of/the/kind/"), 404)


def test_a_button_older_than_the_sign_in_does_nothing_and_says_so(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("boss", password="correct horse battery"))

    html = problem_page(client.post(f"/admin/records/pull/now/{world.connection.pk}/"), 403)

    assert "Open the page anew and press again." in html
