"""Access is taken back at the portal too: in the background, for about a day, and leaving no token behind."""

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.logs import JsonFormatter
from common.outbound import Limits, retry_after
from flows.sign_in import redirect_uri
from organizations.models import Organization
from patients.models import Connection, Patient, Revocation
from patients.operations import disconnect
from patients.revocations import (
    LONGEST_WAIT,
    OVERDUE,
    WAITS,
    enqueue_overdue,
    revoke,
    revoke_later,
)
from sandbox.operations import prepare_sandbox
from sources import revocation_endpoint
from sources.keys import public_jwk
from sources.models import ClientRegistration, Source
from sources.operations import NewClient, add_source
from tests.journey.conftest import registered
from tests.patients.connected import connect_at, is_good, path_of, queued, run_jobs
from tests.portals import Answer, Choices, Listener, Portal, Request
from tests.sandbox.conftest import REDIRECT_URI, ClientApp


def forms(portal: Portal) -> list[dict[str, str]]:
    return [request.form for request in portal.received("/revoke")]


def test_disconnecting_revokes_the_refresh_token_and_then_the_access_token(api, portal, connection):
    api.delete(path_of(connection))
    assert portal.received("/revoke") == []  # nothing is asked of a portal while the app waits

    assert run_jobs() == 1

    assert [(form["token"], form["token_type_hint"]) for form in forms(portal)] == [
        (connection.refresh_token, "refresh_token"),
        (connection.access_token, "access_token"),
    ]
    assert not is_good(portal, connection.refresh_token)
    assert not is_good(portal, connection.access_token)
    assert not Revocation.objects.exists()
    assert queued() == []


def test_deleting_the_patient_revokes_all_their_tokens(api, browser, portal, connection):
    with Portal(Choices()) as other:
        second = connect_at(api, browser, other, registered(other, name="Lakeshore", client_id="other"))

        api.delete("/patients/p-1")

        assert run_jobs() == 2
        assert not is_good(portal, connection.refresh_token)
        assert not is_good(other, second.refresh_token)


@pytest.mark.parametrize("method", ["none", "basic", "post", "private_key_jwt"])
def test_the_client_proves_itself_as_at_the_token_endpoint(api, browser, method):
    with Portal(Choices(client_auth=method)) as portal:
        source = add_source(
            name="X",
            fhir_base_url=portal.fhir_base_url,
            environment="sandbox",
            client=NewClient(client_id="app/é", auth_method=method, secret="s+/: ü" if method != "none" else ""),
        )
        registration = ClientRegistration.objects.get()
        jwk = public_jwk(registration.private_key) | {"kid": registration.key_id} if registration.private_key else {}
        portal.register(
            client_id="app/é", redirect_uri=redirect_uri(), client_secret="s+/: ü", jwks={"keys": [jwk] if jwk else []}
        )
        connection = connect_at(api, browser, portal, source)

        api.delete(path_of(connection))
        run_jobs()

        assert portal.violations == []
        assert not is_good(portal, connection.refresh_token)
        assert not Revocation.objects.exists()


def test_tokens_are_revoked_as_the_client_that_got_them_whoever_we_are_there_by_now(
    api, organization, portal, riverside, connection
):
    ClientRegistration.objects.create(
        organization=organization, environment="sandbox", source=riverside, client_id="newer"
    )

    api.delete(path_of(connection))
    run_jobs()

    assert {form["client_id"] for form in forms(portal)} == {"medblocks"}
    assert not is_good(portal, connection.refresh_token)


def test_where_that_client_is_registered_no_more_the_present_one_tries(api, portal, riverside, connection):
    api.delete(path_of(connection))
    ClientRegistration.objects.all().delete()
    ClientRegistration.objects.create(environment="sandbox", source=riverside, client_id="medblocks")

    run_jobs()

    assert not is_good(portal, connection.refresh_token)


def test_without_any_registration_it_is_tried_again(api, portal, connection):
    api.delete(path_of(connection))
    ClientRegistration.objects.all().delete()

    run_jobs()

    assert Revocation.objects.get().last_error == "There is no client registration for this source any more."
    assert portal.received("/revoke") == []


def test_at_a_portal_that_cannot_revoke_there_is_nothing_to_do(api, browser):
    with Portal(Choices(revocation=False)) as portal:
        connection = connect_at(api, browser, portal, registered(portal, name="X"))

        api.delete(path_of(connection))
        run_jobs()

        assert portal.received("/revoke") == []
        assert not Revocation.objects.exists()


def test_an_access_token_alone_is_revoked_too(api, browser):
    with Portal(Choices(refresh_token=False)) as portal:
        connection = connect_at(api, browser, portal, registered(portal, name="X"))

        api.delete(path_of(connection))
        run_jobs()

        assert [form["token_type_hint"] for form in forms(portal)] == ["access_token"]
        assert not is_good(portal, connection.access_token)


@pytest.mark.parametrize("fault", ["html", "malformed", "array"])
def test_the_body_of_a_success_means_nothing(api, browser, fault):
    with Portal(Choices(revoke_fault=fault)) as portal:
        connection = connect_at(api, browser, portal, registered(portal, name="X"))

        api.delete(path_of(connection))
        run_jobs()

        assert not Revocation.objects.exists()


FAULTS = {
    "unavailable": "The revocation endpoint answered 503.",
    "server_error": "The revocation endpoint answered 500.",
    "not_found": "The revocation endpoint answered 404.",
    "redirect": "The server answered with a redirect (status 307).",
    "huge": "The answer is larger than 65536 bytes.",
    "close": "127.0.0.1",
    "hang": "127.0.0.1 took too long to answer.",
}


@pytest.mark.parametrize(("fault", "words"), FAULTS.items())
def test_what_may_pass_is_tried_again_later(api, browser, monkeypatch, fault, words):
    monkeypatch.setattr(revocation_endpoint, "LIMITS", Limits(seconds=1, max_bytes=64 * 1024))
    with Portal(Choices(revoke_fault=fault)) as portal:
        connection = connect_at(api, browser, portal, registered(portal, name="X"))
        api.delete(path_of(connection))

        run_jobs()

        waiting = Revocation.objects.get()
        assert words in waiting.last_error
        assert waiting.attempts == 1
        assert waiting.refresh_token == connection.refresh_token
        [job] = queued()
        assert job.scheduled_at == waiting.next_attempt_at > timezone.now()
        assert portal.violations == []  # a redirect was not followed, and no token carried along


def test_a_portal_that_is_down_is_tried_again_later(api, portal, connection):
    api.delete(path_of(connection))
    portal.stop()

    run_jobs()

    assert Revocation.objects.get().attempts == 1
    assert len(queued()) == 1


class Endpoint:
    """A portal that is a configuration and a revocation endpoint, which gives the answers in turn; the last stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.listener = Listener("portal", self._answer)

    def _answer(self, request: Request) -> Answer:
        if request.path == "/revoke":
            self.requests.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "revocation_endpoint": "revoke"}
        return Answer.json({name: f"{self.listener.origin}/{path}" for name, path in names.items()})

    @property
    def tokens(self) -> list[str]:
        return [request.form["token"] for request in self.requests]


@pytest.fixture
def endpoint():
    """One that gives its answers as told."""
    running = Endpoint()
    running.listener.start()
    yield running
    running.listener.stop()


@pytest.fixture
def revocation(organization, endpoint) -> Revocation:
    """Of a refresh and an access token that were given by that portal."""
    return waiting_at(endpoint, organization)


def waiting_at(endpoint: Endpoint, organization: Organization) -> Revocation:
    source = add_source(
        name="Odd",
        fhir_base_url=f"{endpoint.listener.origin}/fhir",
        environment="sandbox",
        client=NewClient(client_id="medblocks"),
    )
    waiting = Revocation(
        organization=organization,
        source=source,
        registration=ClientRegistration.objects.get(),
        refresh_token="refresh-token-1",
        access_token="access-token-1",
        next_attempt_at=timezone.now(),
    )
    revoke_later([waiting])
    return waiting


OK = Answer(200)


def refused(code: object, status: int = 400, **more: str) -> Answer:
    return Answer.json({"error": code, **more}, status)


@pytest.mark.parametrize("code", ["invalid_token", "invalid_grant", "unsupported_token_type"])
def test_a_token_that_has_ended_or_cannot_be_ended_is_done_with(endpoint, revocation, code):
    endpoint.answers = [refused(code), OK]

    run_jobs()

    assert endpoint.tokens == ["refresh-token-1", "access-token-1"]
    assert not Revocation.objects.exists()


def test_a_portal_that_can_revoke_no_access_tokens_is_asked_once(endpoint, revocation):
    endpoint.answers = [OK, refused("unsupported_token_type")]

    run_jobs()

    assert not Revocation.objects.exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused("invalid_client", 401), "401 (invalid_client)."),
        (refused("invalid_client"), "400 (invalid_client)."),
        (refused("invalid_request"), "400 (invalid_request)."),
        (refused("invalid_token", 401), "401 (invalid_token)."),
        (refused(5), "answered 400."),
        (refused("no refresh-token-1 here"), "answered 400."),
        (refused("invalid_client", error_description="refresh-token-1 is not yours"), "400 (invalid_client)."),
        (Answer(400, b"[" * 100_00), "answered 400."),
        (Answer(400, b"\xff"), "answered 400."),
        (Answer(429), "answered 429."),
    ],
)
def test_any_other_refusal_is_noted_in_our_words_and_tried_again(endpoint, revocation, answer, words):
    endpoint.answers = [answer]

    run_jobs()

    waiting = Revocation.objects.get()
    assert waiting.last_error.endswith(words)
    assert "refresh-token-1" not in waiting.last_error
    assert len(endpoint.requests) == 1
    assert len(queued()) == 1


def test_a_portal_that_is_busy_and_then_is_not(endpoint, revocation):
    endpoint.answers = [Answer(503), OK]
    run_jobs()
    assert endpoint.tokens == ["refresh-token-1"]

    run_jobs()

    assert endpoint.tokens == ["refresh-token-1", "refresh-token-1", "access-token-1"]
    assert not Revocation.objects.exists()


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("", WAITS[0]),
        ("600", timedelta(minutes=10)),
        ("1", WAITS[0]),
        ("-5", WAITS[0]),
        ("soon", WAITS[0]),
        ("²", WAITS[0]),
        ("9" * 5000, WAITS[0]),
        ("99999999", LONGEST_WAIT),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), timedelta(hours=1)),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), WAITS[0]),
        ("Sat, 21 Nov 2026 13:00:00 -0000", WAITS[0]),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("status", [503, 429])
def test_retry_after_is_obeyed_within_bounds(endpoint, revocation, status, header, wait):
    endpoint.answers = [Answer(status, headers={"Retry-After": header.encode("ascii", "ignore").decode()})]

    revoke(revocation.pk, NOW)

    assert Revocation.objects.get().next_attempt_at == NOW + wait


def test_retry_after_in_other_digits_is_no_number():
    assert retry_after("²", NOW) is None


def test_after_a_day_it_is_given_up_and_staff_see_it_without_the_tokens(endpoint, revocation, caplog):
    endpoint.answers = [Answer(503)]
    started = timezone.now()

    for _ in WAITS:
        assert run_jobs() == 1
        assert Revocation.objects.get().given_up_at is None
    assert run_jobs() == 1

    given_up = Revocation.objects.get()
    assert given_up.given_up_at is not None
    assert given_up.next_attempt_at is None
    assert (given_up.refresh_token, given_up.access_token) == (None, None)
    assert given_up.attempts == len(WAITS) + 1 == len(endpoint.requests)
    assert sum(WAITS, started) - started > timedelta(hours=20)
    assert queued() == []
    assert "given up" in caplog.text
    assert [record.levelname for record in caplog.records if "given up" in record.message] == ["ERROR"]


def test_what_was_given_up_is_left_alone(endpoint, revocation):
    Revocation.objects.update(given_up_at=NOW, next_attempt_at=None, refresh_token=None, access_token=None)

    run_jobs()

    assert endpoint.requests == []
    assert enqueue_overdue(timezone.now() + timedelta(days=9)) == 0


def test_a_worker_that_dies_between_the_call_and_the_commit_does_no_harm(api, portal, connection):
    api.delete(path_of(connection))
    waiting = Revocation.objects.get()
    with transaction.atomic():
        revoke(waiting.pk, timezone.now())
        transaction.set_rollback(True)
    assert len(forms(portal)) == 2
    assert Revocation.objects.exists()

    run_jobs()

    assert len(forms(portal)) == 4
    assert portal.violations == []
    assert not Revocation.objects.exists()


def test_what_a_dying_worker_left_behind_is_taken_up_once(revocation):
    with database.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    assert enqueue_overdue(timezone.now()) == 0  # it may still be at it

    late = revocation.next_attempt_at + OVERDUE
    assert enqueue_overdue(late) == 1
    assert enqueue_overdue(late) == 0

    assert [job.args for job in queued()] == [{"revocation_id": revocation.pk}]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_attempt_go_on_as_one(organization, endpoint):
    waiting = waiting_at(endpoint, organization)
    both = threading.Barrier(2, timeout=60)

    def at_once(request: Request) -> Answer:
        if request.path == "/revoke":
            both.wait()
            return Answer(503)
        return endpoint._answer(request)

    endpoint.listener.answer = at_once

    def work() -> None:
        revoke(waiting.pk, timezone.now())
        database.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Revocation.objects.get().attempts == 1
    assert len([job for job in queued() if job.scheduled_at]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_slow_worker_does_not_undo_what_others_noted_meanwhile(organization, endpoint):
    waiting = waiting_at(endpoint, organization)
    meanwhile = [lambda: revoke(waiting.pk, timezone.now())] * 2

    def slowly(request: Request) -> Answer:
        if request.path != "/revoke":
            return endpoint._answer(request)
        todo = [meanwhile.pop() for _ in range(len(meanwhile))]
        for work in todo:
            work()
            database.close()
        return Answer(503)

    endpoint.listener.answer = slowly

    revoke(waiting.pk, timezone.now())

    assert Revocation.objects.get().attempts == 2


@pytest.mark.django_db(transaction=True)
def test_the_worker_itself_does_it(organization, endpoint):
    endpoint.answers = [OK]
    waiting_at(endpoint, organization)

    call_command("procrastinate", "worker", "--one-shot")

    assert endpoint.tokens == ["refresh-token-1", "access-token-1"]
    assert not Revocation.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("slug", ["riverside", "lakeshore", "evergreen"])
def test_the_pretend_portals_take_access_back(settings, live_server, organization, slug):
    settings.BASE_URL = live_server.url
    known = next(each for each in prepare_sandbox(redirect_uri=REDIRECT_URI) if f"/{slug}/" in each.fhir_base_url)
    portal = ClientApp(known)
    tokens = portal.tokens("maria")
    client = NewClient(client_id=known.client_id, auth_method=known.auth_method, secret=known.client_secret)
    connection = Connection.objects.create(
        patient=Patient.objects.create(organization=organization, reference="p-1"),
        source=add_source(
            name=known.name, fhir_base_url=known.fhir_base_url, environment="sandbox", type=known.type, client=client
        ),
        registration=ClientRegistration.objects.get(),
        status="active",
        fhir_patient_id=tokens["patient"],
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    assert portal.read("Patient", tokens["access_token"]).status_code == 200

    disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())
    run_jobs()

    assert not Revocation.objects.exists()
    assert portal.read("Patient", tokens["access_token"]).status_code == 401
    assert portal.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_no_log_line_and_no_name_of_a_row_has_a_token(endpoint, revocation, caplog):
    caplog.set_level(logging.DEBUG)
    endpoint.answers = [refused("invalid_client", error_description="refresh-token-1"), Answer(503), OK]
    for _ in range(3):
        run_jobs()

    logged = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert json.loads(logged.splitlines()[0])
    for text in (logged, str(revocation), repr(revocation)):
        assert "refresh-token-1" not in text
        assert "access-token-1" not in text
    assert '"outcome": "revoked"' in logged


def test_a_revocation_says_nothing_of_the_patient(api, connection):
    api.put("/patients/p-1", {"patient_id": "p-1", "email": "maria@home.example", "name": "Maria Keller"})
    api.delete("/patients/p-1")

    fields = {field.name for field in Revocation._meta.fields}
    assert fields == {
        "id", "organization", "source", "registration", "refresh_token", "access_token", "attempts",
        "next_attempt_at", "last_error", "given_up_at", "created_at",
    }  # fmt: skip
    assert Source.objects.filter(revocations__isnull=False).count() == 1
    assert [list(job.args) for job in queued()] == [["revocation_id"]]


@pytest.fixture
def lost_key(connection, settings):
    """The key that the tokens were encrypted with is not there any more."""
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return connection


@pytest.mark.parametrize("path", ["/patients/p-1", "connection"])
def test_access_can_be_ended_where_the_key_of_the_tokens_was_lost(api, lost_key, caplog, path):
    where = path_of(lost_key) if path == "connection" else path

    assert api.delete(where).status == 200
    assert run_jobs() == 1

    given_up = Revocation.objects.defer("refresh_token", "access_token").get()
    assert given_up.given_up_at is not None
    assert given_up.last_error == "The key that these tokens were encrypted with is lost."
    assert [record.levelname for record in caplog.records if "given up" in record.getMessage()] == ["ERROR"]
    assert queued() == []


def test_signing_in_again_is_how_to_go_on_where_the_key_was_lost(api, browser, portal, riverside, lost_key):
    renewed = connect_at(api, browser, portal, riverside)

    assert renewed.pk == lost_key.pk
    assert is_good(portal, Connection.objects.get().refresh_token)
