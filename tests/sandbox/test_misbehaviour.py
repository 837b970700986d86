"""Portals that are busy or down on purpose, and what everybody should know of those that misbehave."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from sandbox.accounts import account_for
from sandbox.fhir.errors import TooManyRequests
from sandbox.manners import Manners
from sandbox.models import History
from sandbox.people import find_user
from sandbox.reception import receive
from sandbox.systems import find_system
from tests.sandbox.conftest import text_of


def issue_of(answer):
    return answer.json()["issue"][0]["code"]


class TestYusufWhosePortalIsBusy:
    def test_every_third_request_is_refused_and_the_next_one_answered(self, riverside):
        token = riverside.tokens("yusuf")["access_token"]

        answers = [riverside.read("Condition", token) for _ in range(7)]

        assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200, 429, 200]
        assert answers[2]["Retry-After"] == "1"
        assert issue_of(answers[2]) == "throttled"

    def test_a_renewed_token_does_not_begin_to_count_anew(self, riverside):
        first = riverside.tokens("yusuf")
        statuses = [riverside.read("Condition", first["access_token"]).status_code for _ in range(2)]

        second = riverside.refresh(first["refresh_token"]).json()
        statuses.append(riverside.read("Condition", second["access_token"]).status_code)

        assert statuses == [200, 200, 429]

    def test_each_portal_counts_for_itself(self, riverside, lakeshore):
        hospital, clinic = (app.tokens("yusuf")["access_token"] for app in (riverside, lakeshore))

        statuses = [
            app.read("Condition", token).status_code
            for app, token in [(riverside, hospital), (lakeshore, clinic)]
            for _ in range(2)
        ]

        assert statuses == [200] * 4

    def test_a_bad_token_is_refused_as_such_and_not_counted(self, riverside):
        token = riverside.tokens("yusuf")["access_token"]

        statuses = [riverside.read("Condition", each).status_code for each in (token, "bad", "bad", token, token)]

        assert statuses == [200, 401, 401, 200, 429]


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_the_same_moment_every_third_is_refused_as_well():
    account = account_for(find_system("riverside"), find_user("yusuf")).pk
    History.objects.note_permission(account, timezone.now())

    def is_refused(_):
        try:
            receive(Manners(refuses_every=3), account, timezone.now())
        except TooManyRequests:
            return True
        finally:
            connection.close()
        return False

    with ThreadPoolExecutor(8) as threads:
        refused = list(threads.map(is_refused, range(30)))

    assert sum(refused) == 10


class TestDoraWhosePortalIsDownForAMinute:
    def test_nothing_can_be_read_in_the_first_minute(self, riverside, wait):
        token = riverside.tokens("dora")["access_token"]

        at_once = riverside.read("Patient", token)
        wait(50)
        later = riverside.read("Patient", token)

        assert [answer.status_code for answer in (at_once, later)] == [503, 503]
        assert issue_of(at_once) == "transient"

    def test_then_everything_is_fine(self, riverside, wait):
        token = riverside.tokens("dora")["access_token"]

        wait(61)

        assert riverside.read("Patient", token).status_code == 200

    def test_renewing_her_access_brings_no_other_outage(self, riverside, wait):
        tokens = riverside.tokens("dora")
        wait(61)

        renewed = riverside.refresh(tokens["refresh_token"]).json()

        assert riverside.read("Patient", renewed["access_token"]).status_code == 200

    def test_allowing_an_app_again_does(self, riverside, wait):
        riverside.tokens("dora")
        wait(61)

        token = riverside.tokens("dora")["access_token"]

        assert riverside.read("Patient", token).status_code == 503

    def test_what_the_server_says_about_itself_can_still_be_read(self, riverside):
        riverside.tokens("dora")

        assert Client().get(f"{riverside.source.fhir_base_url}/metadata").status_code == 200


def test_the_sign_in_page_tells_those_whom_their_portal_treats_badly_from_the_others(riverside):
    page = text_of(Client().get(riverside.ask()["Location"]))

    heading = page.index("People whose portal misbehaves")
    good, bad = page[:heading], page[heading:]
    assert all(f" {name} " in good for name in ("maria", "noah", "walter", "grace", "felix"))
    assert all(
        f" {name} " in bad for name in ("oscar", "tina", "iris", "rosa", "anton", "hugo", "petra", "yusuf", "dora")
    )


def test_anybody_can_refuse(riverside):
    page = text_of(Client().get("/sandbox/riverside/"))

    answer = riverside.come_back("maria", decision="deny")

    assert answer["error"] == "access_denied"
    assert "press “Don’t allow”" in page


def test_whom_the_portal_treats_well_is_not_written_about(riverside):
    token = riverside.tokens("maria")["access_token"]

    riverside.read("Patient", token)

    assert History.objects.get().requests == 0


def test_somebody_from_before_histories_were_kept_is_served(riverside):
    token = riverside.tokens("yusuf")["access_token"]
    History.objects.all().delete()

    statuses = [riverside.read("Condition", token).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_the_next_link_of_a_page_is_counted_like_any_request(riverside):
    token = riverside.tokens("yusuf")["access_token"]
    first = riverside.read("Observation", token, _count=10).json()
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")

    statuses = [riverside.read(link, token).status_code for _ in range(3)]

    assert statuses == [200, 429, 200]
