import pytest
from django.test import Client

from sandbox.people import PASSWORD, PORTAL_USERS
from tests.sandbox.conftest import query_of, text_of


def next_of(app, **changes):
    return query_of(app.ask(**changes)["Location"])["next"]


def test_the_front_door_says_that_nothing_is_real_and_who_may_sign_in(db):
    page = text_of(Client().get("/sandbox/riverside/"))

    assert "Sandbox: pretend data" in page
    assert PASSWORD in page
    assert all(user.username in page and user.what_happens.split(":")[0] in page for user in PORTAL_USERS)


def test_signing_in_leads_to_the_consent_page(riverside):
    page = riverside.sign_in("maria")

    assert page.status_code == 200
    assert "Signed in as Maria Alvarez" in text_of(page)


def test_the_case_of_the_username_does_not_matter(riverside):
    page = riverside.sign_in(" Maria ")

    assert "Signed in as Maria Alvarez" in text_of(page)


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("maria", "wrong", "That username and password do not go together"),
        ("nobody", PASSWORD, "That username and password do not go together"),
        ("", PASSWORD, "Enter your username"),
        ("maria", "", "Enter your password"),
        ("mar\x00ia", PASSWORD, "Null characters are not allowed."),
    ],
)
def test_a_sign_in_that_fails_says_why_and_asks_again(riverside, username, password, words):
    page = riverside.sign_in(username, password)

    assert page.status_code == 200
    assert "<title>Error: Sign in" in page.content.decode()
    assert words in text_of(page)
    assert "sandbox_sign_in" not in riverside.browser.cookies


def test_the_typed_password_is_never_shown_again(riverside):
    page = riverside.sign_in("maria", "my-mistyped-secret")

    assert "my-mistyped-secret" not in page.content.decode()


def test_a_sign_in_without_a_request_leads_to_the_front_door(db):
    answer = Client().get("/sandbox/riverside/sign-in")

    assert answer["Location"] == "/sandbox/riverside/"


@pytest.mark.parametrize(
    "after",
    [
        "https://evil.example/",
        "//evil.example/sandbox/riverside/oauth/authorize?",
        "/admin/",
        "/sandbox/lakeshore/oauth/authorize?client_id=sandbox-lakeshore",
        "/sandbox/riverside/oauth/authorize/../../../../admin/?",
    ],
)
def test_a_sign_in_leads_nowhere_but_to_the_authorization_endpoint(riverside, after):
    form = {"username": "maria", "password": PASSWORD, "next": after}

    answer = riverside.browser.post("/sandbox/riverside/sign-in", form)

    assert answer["Location"] == "/sandbox/riverside/"
    assert not riverside.browser.cookies


def test_the_sign_in_cookie_is_kept_to_its_system_and_away_from_scripts(riverside):
    riverside.sign_in("maria")

    cookie = riverside.browser.cookies["sandbox_sign_in"]
    assert cookie["path"] == "/sandbox/riverside/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_the_portal_leaves_django_s_own_session_alone(riverside, admin_client):
    staff_session = admin_client.cookies["sessionid"].value
    riverside.browser = admin_client

    riverside.sign_in("maria")
    riverside.decide()

    assert admin_client.cookies["sessionid"].value == staff_session
    assert admin_client.get("/admin/").context["user"].username == "admin"


def test_staff_of_the_product_are_not_signed_in_at_the_portal(riverside, admin_client):
    riverside.browser = admin_client

    answer = riverside.ask()

    assert "/sign-in?" in answer["Location"]


def test_a_sign_in_counts_for_one_authorization_request_only(riverside):
    riverside.sign_in("maria")

    answer = riverside.ask(state="another-state")

    assert "/sign-in?" in answer["Location"]


def test_a_sign_in_at_one_system_does_not_count_at_another(riverside, lakeshore):
    riverside.sign_in("maria")
    lakeshore.browser.cookies["sandbox_sign_in"] = riverside.browser.cookies["sandbox_sign_in"].value

    answer = lakeshore.ask()

    assert "/sign-in?" in answer["Location"]


def test_a_sign_in_is_forgotten_after_a_quarter_of_an_hour(riverside, wait):
    riverside.sign_in("maria")

    wait(15 * 60 + 1)
    answer = riverside.decide()

    assert "/sign-in?" in answer["Location"]


def test_a_forged_cookie_is_no_sign_in(riverside):
    riverside.browser.cookies["sandbox_sign_in"] = "maria"

    answer = riverside.ask()

    assert "/sign-in?" in answer["Location"]


def test_the_forms_are_protected_against_cross_site_posts(riverside):
    strict = Client(enforce_csrf_checks=True)
    form = {"username": "maria", "password": PASSWORD, "next": next_of(riverside)}

    answer = strict.post("/sandbox/riverside/sign-in", form)

    assert answer.status_code == 403
