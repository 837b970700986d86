"""Portals that give less access than was asked, or not for long: one person for each way."""

import pytest

from sandbox.systems import find_system
from tests.sandbox.conftest import text_of

EVERYTHING = "launch/patient offline_access patient/*.rs"


@pytest.fixture
def no_delay(monkeypatch):
    """How long the portal meant to wait, without waiting."""
    waited = []
    monkeypatch.setattr("sandbox.reception.time.sleep", waited.append)
    return waited


class TestRosaWhoseAccessIsRenewedOnce:
    def test_her_access_lasts_a_minute(self, riverside, wait):
        tokens = riverside.tokens("rosa")

        wait(61)

        assert tokens["expires_in"] == 60
        assert riverside.read("Patient", tokens["access_token"]).status_code == 401

    def test_the_first_renewal_works_and_every_later_one_is_refused(self, riverside, wait):
        first = riverside.tokens("rosa")
        wait(120)

        second = riverside.refresh(first["refresh_token"])
        third = riverside.refresh(second.json()["refresh_token"])
        fourth = riverside.refresh(second.json()["refresh_token"])

        assert (second.status_code, second.json()["expires_in"]) == (200, 60)
        assert riverside.read("Patient", second.json()["access_token"]).status_code == 200
        assert [(answer.status_code, answer.json()["error"]) for answer in (third, fourth)] == [
            (400, "invalid_grant")
        ] * 2

    def test_signing_in_again_begins_anew(self, riverside):
        first = riverside.tokens("rosa")
        riverside.refresh(riverside.refresh(first["refresh_token"]).json()["refresh_token"])

        again = riverside.tokens("rosa")

        assert riverside.refresh(again["refresh_token"]).status_code == 200


class TestAntonWhosePortalIsSlowAndHisAccessShort:
    def test_his_access_lasts_ten_seconds_also_when_renewed(self, riverside, wait, no_delay):
        first = riverside.tokens("anton")
        wait(11)

        second = riverside.refresh(first["refresh_token"]).json()

        assert (first["expires_in"], second["expires_in"]) == (10, 10)
        assert riverside.read("Patient", first["access_token"]).status_code == 401
        assert riverside.read("Patient", second["access_token"]).status_code == 200

    def test_each_answer_takes_a_second(self, riverside, no_delay):
        token = riverside.tokens("anton")["access_token"]

        riverside.read("Patient", token)
        riverside.read("Condition", token)

        assert no_delay == [1.0, 1.0]

    def test_his_records_are_more_than_one_access_token_can_bring(self, riverside, no_delay):
        token = riverside.tokens("anton")["access_token"]

        for resource_type in find_system("riverside").types:
            riverside.read(resource_type, token)

        assert sum(no_delay) > 10

    def test_nobody_else_is_made_to_wait(self, riverside, no_delay):
        riverside.read("Patient", riverside.tokens("maria")["access_token"])

        assert no_delay == []


class TestHugoWhosePortalGivesNoRefreshToken:
    def test_there_is_no_refresh_token_and_offline_access_is_not_among_the_scopes(self, riverside):
        tokens = riverside.tokens("hugo", scope=EVERYTHING)

        assert "refresh_token" not in tokens
        assert tokens["scope"] == "launch/patient patient/*.rs"
        assert riverside.read("Patient", tokens["access_token"]).status_code == 200

    def test_the_consent_page_says_that_access_is_for_once(self, riverside):
        assert "look at the records this once" in text_of(riverside.sign_in("hugo"))

    def test_a_client_that_wants_nothing_else_is_told_that_it_gets_nothing(self, riverside):
        answer = riverside.come_back("hugo", scope="offline_access")

        assert (answer["error"], answer["state"]) == ("invalid_scope", "a-state")


class TestPetraWhosePortalGrantsLess:
    def test_the_wildcard_becomes_the_few_types_that_are_shared(self, riverside):
        tokens = riverside.tokens("petra", scope=EVERYTHING)

        assert tokens["scope"].split() == [
            "launch/patient",
            "offline_access",
            "patient/Patient.rs",
            "patient/Condition.rs",
            "patient/Observation.rs",
            "patient/Immunization.rs",
        ]

    def test_scopes_of_version_1_stay_what_they_are(self, lakeshore):
        assert "patient/Observation.read" in lakeshore.tokens("petra")["scope"].split()

    def test_what_is_shared_can_be_read_and_the_rest_is_forbidden(self, riverside):
        token = riverside.tokens("petra", scope=EVERYTHING)["access_token"]

        statuses = {name: riverside.read(name, token).status_code for name in find_system("riverside").types}

        assert {name for name, status in statuses.items() if status == 200} == {
            "Patient",
            "Condition",
            "Observation",
            "Immunization",
        }
        assert set(statuses.values()) == {200, 403}

    def test_her_health_plan_shares_her_coverage_and_no_claims(self, evergreen):
        token = evergreen.tokens("petra")["access_token"]

        assert evergreen.read("Coverage", token).status_code == 200
        assert evergreen.read("ExplanationOfBenefit", token).status_code == 403

    def test_renewing_does_not_bring_more(self, riverside):
        first = riverside.tokens("petra", scope=EVERYTHING)

        second = riverside.refresh(first["refresh_token"]).json()

        assert second["scope"] == first["scope"]

    def test_the_consent_page_lists_only_what_is_shared(self, riverside):
        page = text_of(riverside.sign_in("petra"))

        assert "Immunizations" in page
        assert "Medicines" not in page
