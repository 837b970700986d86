import pytest
from django.test import Client

from tests.sandbox.conftest import ClientApp


@pytest.mark.parametrize("slug", ["riverside", "lakeshore", "evergreen"])
def test_refreshing_gives_a_new_pair_for_the_same_chart(sources, slug):
    app = ClientApp(sources[slug])
    first = app.tokens("maria")

    second = app.refresh(first["refresh_token"]).json()

    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (second["patient"], second["scope"]) == (first["patient"], first["scope"])
    assert app.read("Patient", second["access_token"]).status_code == 200


def test_refreshing_ends_the_access_token_before(riverside):
    first = riverside.tokens("maria")

    riverside.refresh(first["refresh_token"])

    assert riverside.read("Patient", first["access_token"]).status_code == 401


def test_refreshing_still_works_when_access_has_expired(riverside, wait):
    first = riverside.tokens("maria")

    wait(90 * 24 * 3600)
    second = riverside.refresh(first["refresh_token"])

    assert riverside.read("Patient", first["access_token"]).status_code == 401
    assert second.status_code == 200


def test_refreshing_somebody_s_child_stays_with_the_child(riverside):
    first = riverside.tokens("grace", chart="leo")

    second = riverside.refresh(first["refresh_token"]).json()

    assert second["patient"] == first["patient"]


def test_a_refresh_token_used_twice_kills_the_whole_family(riverside):
    first = riverside.tokens("maria")
    second = riverside.refresh(first["refresh_token"]).json()

    again = riverside.refresh(first["refresh_token"])

    assert again.status_code == 400
    assert again.json()["error"] == "invalid_grant"
    assert riverside.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert riverside.read("Patient", second["access_token"]).status_code == 401


def test_one_connection_s_end_leaves_another_alone(riverside):
    one, other = riverside.tokens("maria"), riverside.tokens("maria")

    riverside.refresh(one["refresh_token"])
    riverside.refresh(one["refresh_token"])

    assert riverside.refresh(other["refresh_token"]).status_code == 200


@pytest.mark.parametrize("refresh_token", ["no-such-token", "nul\x00"])
def test_an_unknown_refresh_token_is_refused(riverside, refresh_token):
    answer = riverside.refresh(refresh_token)

    assert answer.json()["error"] == "invalid_grant"


def test_refreshing_cannot_widen_what_was_granted(riverside):
    tokens = riverside.tokens("maria", scope="offline_access patient/Immunization.rs")

    answer = riverside.refresh(tokens["refresh_token"], scope="patient/*.rs")

    assert answer.json()["error"] == "invalid_scope"


def test_a_refresh_token_of_one_system_does_not_work_at_another(riverside, lakeshore):
    tokens = riverside.tokens("maria")

    answer = lakeshore.refresh(tokens["refresh_token"])

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", None])
def test_revoking_either_token_ends_both(riverside, which, hint):
    tokens = riverside.tokens("maria")

    answer = riverside.revoke(tokens[which], token_type_hint=hint)

    assert answer.status_code == 200
    assert riverside.read("Patient", tokens["access_token"]).status_code == 401
    assert riverside.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_revoking_an_unknown_token_is_fine(riverside):
    assert riverside.revoke("no-such-token").status_code == 200


def test_revoking_without_a_token_is_not(riverside):
    assert riverside.revoke(None).status_code == 400


def test_nobody_revokes_the_tokens_of_another_system(riverside, lakeshore):
    tokens = riverside.tokens("maria")

    lakeshore.revoke(tokens["access_token"])

    assert riverside.read("Patient", tokens["access_token"]).status_code == 200


def test_revoking_needs_the_client_s_secret(riverside):
    tokens = riverside.tokens("maria")

    answer = Client().post(riverside.configuration["revocation_endpoint"], {"token": tokens["access_token"]})

    assert answer.status_code == 401
    assert riverside.read("Patient", tokens["access_token"]).status_code == 200
