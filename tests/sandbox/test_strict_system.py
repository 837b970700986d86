"""Northgate, whose FHIR server is strict about searches."""

import pytest
from django.test import Client

from tests.sandbox.conftest import ClientApp, text_of


def issue_of(answer):
    return answer.json()["issue"][0]["code"]


@pytest.fixture
def northgate(sources):
    return ClientApp(sources["northgate"])


class TestNorthgateWhichIsStrict:
    @pytest.fixture
    def token(self, northgate):
        return northgate.tokens("maria")["access_token"]

    @pytest.mark.parametrize("name", ["_count", "_sort", "_summary", "nonsense", "date"])
    def test_a_search_parameter_it_does_not_know_is_refused_and_named(self, northgate, token, name):
        answer = northgate.read("Condition", token, **{name: "10"})

        assert (answer.status_code, issue_of(answer)) == (400, "not-supported")
        assert name in answer.json()["issue"][0]["diagnostics"]

    def test_those_it_announces_are_accepted(self, northgate, token):
        patient = northgate.tokens("maria")["patient"]

        answer = northgate.read(
            "Condition", token, patient=patient, _lastUpdated="ge2020", category="problem-list-item"
        )

        assert answer.status_code == 200

    @pytest.mark.parametrize("parameters", [{}, {"patient": "{}"}, {"category": ""}, {"_id": "x"}], ids=str)
    def test_observations_cannot_be_had_without_a_category_or_code(self, northgate, token, parameters):
        patient = northgate.tokens("maria")["patient"]

        answer = northgate.read(
            "Observation", token, **{name: value.format(patient) for name, value in parameters.items()}
        )

        assert (answer.status_code, issue_of(answer)) == (400, "required")
        assert "category or code" in answer.json()["issue"][0]["diagnostics"]

    def test_all_observations_can_be_had_category_by_category(self, northgate):
        token = northgate.tokens("walter")["access_token"]

        bundles = [
            bundle
            for category in ("laboratory", "vital-signs")
            for bundle in northgate.pages("Observation", token, category=category)
        ]

        ids = [entry["resource"]["id"] for bundle in bundles for entry in bundle["entry"]]
        assert len(ids) == len(set(ids)) == 2560

    def test_observations_can_be_had_by_code(self, northgate, token):
        assert northgate.read("Observation", token, code="8867-4").json()["total"] > 0

    def test_its_own_pages_say_so(self, northgate):
        page = text_of(Client().get("/sandbox/northgate/"))

        assert "_count among them, are refused (400)" in page
        assert "About Northgate Patient Link" in page

    def test_the_others_do_not(self, riverside):
        assert "About MyRiverside" not in text_of(Client().get("/sandbox/riverside/"))
