"""What happens at the same instant ends one way or the other: never in a failure, never with access that nobody has."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from flows.models import Authorization, AuthorizationEvent, PatientFlow, SourceRequest
from organizations.models import IdempotencyKey
from patients.models import Connection, ConnectionStatus, Patient, Revocation
from tests.api_client import Api
from tests.eventually import eventually_waiting
from tests.journey.patient import PatientBrowser
from tests.patients.connected import NEW_FLOW, connect_at, is_good, path_of, run_jobs
from tests.portals import Portal, Request

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of these answers, all begun at the same moment, each with a database connection of its own."""
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works), timeout=60)

    def run(place: int, work: Callable[[], Any]) -> None:
        start.wait()
        try:
            results[place] = work()
        finally:
            database.close()

    threads = [threading.Thread(target=run, args=entry) for entry in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def during_exchange(portal) -> Iterator[list[Callable[[], Any]]]:
    """What to do while our server waits for the token endpoint's answer."""
    to_do: list[Callable[[], Any]] = []
    tokens = portal._tokens
    answer = tokens.token

    def answer_after_that(request: Request):
        while to_do:
            to_do.pop()()
        database.close()
        return answer(request)

    tokens.token = answer_after_that
    yield to_do
    assert to_do == []


def nothing_is_left() -> bool:
    models = (Patient, PatientFlow, Connection, Authorization, AuthorizationEvent, SourceRequest)
    return not any(model.objects.exists() for model in models)


def standing(portal: Portal) -> list[str]:
    """The refresh tokens that the portal still takes."""
    return [token for token in portal._grants.refresh if is_good(portal, token)]


def test_of_two_deletions_at_once_one_finds_nobody_any_more(api, browser, portal, riverside):
    for _ in range(ROUNDS):
        connect_at(api, browser, portal, riverside)

        answers = at_once(*[lambda: api_again(api).delete("/patients/p-1")] * 2)

        assert sorted(answer.status for answer in answers) == [200, 404]
        assert nothing_is_left()
        assert Revocation.objects.count() == 1
        run_jobs()
        assert standing(portal) == []


def api_again(api: Api) -> Api:
    """The same key in a client of its own: clients are not for two threads."""
    return Api(api.key)


def test_a_patient_who_was_erased_while_at_the_portal_reads_a_kind_page_when_they_come_back(
    api, browser, flow, portal, riverside
):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    api.delete("/patients/p-1")

    browser.open(back)

    assert browser.status == 400
    assert "We cannot match this sign-in" in browser.text
    assert "Go back to your app" in browser.text
    assert portal.received("/token") == []
    assert nothing_is_left()


def test_a_patient_who_is_erased_during_the_exchange_leaves_no_access_behind(
    api, browser, flow, portal, riverside, during_exchange
):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    during_exchange.append(lambda: api_again(api).delete("/patients/p-1"))

    browser.open(back)

    assert browser.status == 400
    assert "We cannot match this sign-in" in browser.text
    assert nothing_is_left()
    assert len(standing(portal)) == 1
    run_jobs()
    assert standing(portal) == []
    assert not Revocation.objects.exists()


def test_in_direct_mode_too(api, browser, portal, riverside, during_exchange):
    flow = api.post("/patient-flows", NEW_FLOW | {"connection_id": riverside.id}).json
    browser.open(flow["url"])
    back = portal.sign_in(browser.location)
    during_exchange.append(lambda: api_again(api).delete("/patients/p-1"))

    browser.open(back)

    assert browser.status == 400
    assert nothing_is_left()
    run_jobs()
    assert standing(portal) == []


def test_a_sign_in_that_was_given_up_during_the_exchange_leaves_no_access_behind(
    browser, flow, portal, riverside, during_exchange
):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    given_up = {"outcome": "token_exchange_failed", "finished_at": "2026-01-01T00:00:00Z", "verifier": ""}
    during_exchange.append(lambda: Authorization.objects.update(**given_up))

    browser.open(back)

    assert not Connection.objects.exists()
    run_jobs()
    assert standing(portal) == []


def test_a_patient_who_is_erased_while_we_ask_the_portal_where_to_sign_in(api, browser, flow, portal, riverside):
    path = flow["url"].removeprefix("http://testserver")
    browser.open(path).open(f"{path}/confirm?connection_id={riverside.id}")
    answer = portal._configuration
    portal._configuration = lambda: (api_again(api).delete("/patients/p-1"), database.close(), answer())[2]

    browser.submit(f"{path}/connect", connection_id=riverside.id)

    assert browser.status in (303, 404)
    if browser.status == 303:
        browser.follow()
    assert browser.status == 404
    assert "We cannot find this page" in browser.text
    assert nothing_is_left()


def test_a_deletion_while_patients_come_back_at_the_same_instant(api, portal, riverside):
    for _ in range(ROUNDS):
        patient = PatientBrowser()
        flow = api.post("/patient-flows", NEW_FLOW).json
        back = portal.sign_in(patient.leave_for(flow, riverside.id))

        page, answer = at_once(lambda: patient.open(back).status, lambda: api_again(api).delete("/patients/p-1"))  # noqa: B023

        assert answer.status == 200
        assert page in (303, 400)
        assert nothing_is_left()
        run_jobs()
        assert standing(portal) == []


def test_a_deletion_waits_for_what_is_being_written_about_the_patient_and_takes_it_along(api, browser, flow, riverside):
    """The sweep adds to trails without holding the patient."""
    browser.leave_for(flow, riverside.id)
    authorization = Authorization.objects.get()
    answers: list[Any] = []
    deletion = threading.Thread(
        target=lambda: (answers.append(api_again(api).delete("/patients/p-1")), database.close())
    )

    with transaction.atomic():
        Authorization.objects.update(outcome="abandoned", finished_at=timezone.now(), verifier="")
        deletion.start()
        eventually_waiting()
        AuthorizationEvent.objects.create(authorization=authorization, kind="abandoned", at=timezone.now())
    deletion.join()

    assert answers[0].status == 200
    assert nothing_is_left()


def test_a_deletion_while_flows_are_created_at_the_same_instant(api):
    for _ in range(ROUNDS):
        api.post("/patient-flows", NEW_FLOW)

        deletion, *creations = at_once(
            lambda: api_again(api).delete("/patients/p-1"),
            *[lambda: api_again(api).post("/patient-flows", NEW_FLOW)] * 3,
        )

        assert deletion.status == 200
        assert [creation.status for creation in creations] == [200] * 3
        assert Patient.objects.count() <= 1
        assert PatientFlow.objects.filter(patient__reference="p-1").count() == PatientFlow.objects.count()


def test_disconnecting_while_the_patient_signs_in_again_takes_back_only_what_was_there(
    api, browser, portal, riverside, during_exchange
):
    connection = connect_at(api, browser, portal, riverside)
    during_exchange.append(lambda: api_again(api).delete(path_of(connection)))

    renewed = connect_at(api, browser, portal, riverside)

    assert renewed.pk == connection.pk
    assert renewed.status == ConnectionStatus.ACTIVE
    run_jobs()
    assert standing(portal) == [renewed.refresh_token]


def test_disconnecting_at_the_instant_at_which_the_sign_in_ends(api, portal, riverside):
    connection = connect_at(api, PatientBrowser(), portal, riverside)
    path = path_of(connection)
    for _ in range(ROUNDS):
        patient = PatientBrowser()
        flow = api.post("/patient-flows", NEW_FLOW).json
        back = portal.sign_in(patient.leave_for(flow, riverside.id))

        page, answer = at_once(lambda: patient.open(back).status, lambda: api_again(api).delete(path))  # noqa: B023

        assert (page, answer.status) == (303, 200)
        connection.refresh_from_db()
        run_jobs()
        if connection.status == ConnectionStatus.ACTIVE:
            assert is_good(portal, connection.refresh_token)
        else:
            assert (connection.status, connection.refresh_token) == (ConnectionStatus.DISCONNECTED, None)


def test_two_disconnections_at_once_revoke_once(api, browser, portal, riverside):
    path = path_of(connect_at(api, browser, portal, riverside))

    answers = at_once(*[lambda: api_again(api).delete(path)] * 2)

    assert [answer.status for answer in answers] == [200, 200]
    assert Revocation.objects.count() == 1


def test_creating_the_same_patient_twice_at_once_makes_one(api):
    answers = at_once(*[lambda: api_again(api).post("/patients", {"patient_id": "p-1"})] * 4)

    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert Patient.objects.count() == 1


def test_an_answer_about_a_patient_is_not_kept_beyond_the_erasure_that_came_meanwhile(api):
    for round_ in range(ROUNDS):
        made = api.post("/patient-flows", NEW_FLOW | {"patient_id": f"p-{round_}"}).json
        path, key = f"/patient-flows/{made['id']}/expire", f"key-{round_}"

        at_once(
            lambda path=path, key=key: api_again(api).post(path, {}, Idempotency_Key=key),
            lambda round_=round_: api_again(api).delete(f"/patients/p-{round_}"),
        )

        assert api.post(path, {}, Idempotency_Key=key).status in (404, 409)
    assert not IdempotencyKey.objects.filter(answer__isnull=False).exists()
