import pytest
from django.contrib.auth import get_user_model
from oauth2_provider.models import Application

from sandbox.operations import portal_users, prepare_sandbox
from sandbox.people import PORTAL_USERS
from sandbox.systems import SYSTEMS
from tests.sandbox.conftest import REDIRECT_URI, ClientApp


@pytest.mark.django_db
def test_preparing_gives_one_source_per_system_each_with_its_own_authentication():
    sources = prepare_sandbox(redirect_uri=REDIRECT_URI)

    assert [source.auth_method for source in sources] == ["basic", "none", "post", "basic"]
    assert [bool(source.client_secret) for source in sources] == [True, False, True, True]
    assert sources[0].fhir_base_url == "http://testserver/sandbox/riverside/fhir"
    assert sources[0].portal_url == "http://testserver/sandbox/riverside/"
    assert all(source.facilities for source in sources)


@pytest.mark.django_db
def test_preparing_twice_changes_nothing():
    first = prepare_sandbox(redirect_uri=REDIRECT_URI)

    second = prepare_sandbox(redirect_uri=REDIRECT_URI)

    assert second == first
    assert Application.objects.count() == len(SYSTEMS)
    assert get_user_model().objects.count() == len(SYSTEMS) * len(PORTAL_USERS)


@pytest.mark.django_db
def test_preparing_again_moves_the_client_to_another_redirect_uri():
    prepare_sandbox(redirect_uri="http://localhost:8001/callback")

    source = prepare_sandbox(redirect_uri=REDIRECT_URI)[0]

    assert ClientApp(source).ask().status_code == 302
    assert ClientApp(source).ask(redirect_uri="http://localhost:8001/callback").status_code == 400


@pytest.mark.django_db
def test_the_secret_is_not_shown_in_a_repr():
    source = prepare_sandbox(redirect_uri=REDIRECT_URI)[0]

    assert source.client_secret not in repr(source)


def test_the_portal_users_say_what_happens_when_they_sign_in():
    users = portal_users()

    assert len({user.username for user in users}) == len(users) == 14
    assert all(user.password == "sandbox-1234" and user.what_happens for user in users)
