"""Access is kept alive: one refresh token is spent once, whoever asks, and whatever the portal answers."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection as database
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from common.outbound import Limits
from flows.sign_in import redirect_uri
from patients import keeping, renewal, tokens
from patients.models import Connection, ConnectionStatus, Renewal, RenewalOutcome, Revocation
from patients.tokens import AccessEnded, AccessUnavailable, access_token, refuse, renew_idle
from sources import token_refresh
from sources.keys import public_jwk
from sources.models import ClientRegistration
from tests.journey.conftest import registered
from tests.patients.connected import connect_at, is_good, path_of
from tests.portals import Choices, Portal

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parent.parent.parent
ROTATING = Choices(refresh_answer="rotated")


@contextmanager
def connected(api, browser, choices: Choices, **client) -> Iterator[tuple[Portal, Connection]]:
    """A portal that behaves so, and a patient who signed in there."""
    with Portal(choices) as portal:
        source = registered(portal, name="Riverside", **client)
        yield portal, connect_at(api, browser, portal, source)


@pytest.fixture
def rotating(api, browser):
    with connected(api, browser, ROTATING) as (portal, connection):
        yield portal, connection
        assert portal.violations == []


def refreshes(portal: Portal) -> list[dict[str, str]]:
    forms = [request.form for request in portal.received("/token")]
    return [form for form in forms if form.get("grant_type") == "refresh_token"]


def let_it_expire(connection: Connection, *, ago: timedelta = timedelta(seconds=1)) -> None:
    now = timezone.now()
    Connection.objects.filter(pk=connection.pk).update(
        access_obtained_at=now - timedelta(hours=1), access_expires_at=now - ago
    )


def trail(connection: Connection) -> list[str]:
    return list(Renewal.objects.filter(connection=connection).order_by("pk").values_list("outcome", flat=True))


def again(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def test_a_token_that_is_good_for_a_while_is_used_as_it_is(rotating):
    portal, connection = rotating

    assert access_token(connection.pk).text == connection.access_token
    assert refreshes(portal) == []


def test_a_token_that_ends_within_a_minute_is_renewed_first(rotating):
    portal, connection = rotating
    let_it_expire(connection, ago=timedelta(seconds=-30))

    token = access_token(connection.pk)

    assert token.text != connection.access_token
    assert is_good(portal, token.text)
    stored = again(connection)
    assert (stored.access_token, stored.token_version) == (token.text, token.version)
    assert stored.refresh_token != connection.refresh_token
    assert stored.spending_since is None
    assert stored.access_expires_at > timezone.now() + timedelta(minutes=59)
    assert trail(connection) == [RenewalOutcome.RENEWED]


def test_twenty_workers_at_once_make_one_call_and_get_one_token(rotating):
    portal, connection = rotating
    let_it_expire(connection)
    got, start = [], threading.Barrier(20)

    def work():
        start.wait(timeout=30)
        try:
            got.append(access_token(connection.pk).text)
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(got) == 20
    assert len(set(got)) == 1
    assert len(refreshes(portal)) == 1
    assert again(connection).status == ConnectionStatus.ACTIVE


def test_renewing_again_and_again_spends_each_refresh_token_once(rotating):
    portal, connection = rotating
    for _ in range(5):
        let_it_expire(connection)
        access_token(connection.pk)

    spent = [form["refresh_token"] for form in refreshes(portal)]
    assert len(spent) == len(set(spent)) == 5
    assert is_good(portal, again(connection).refresh_token)


@pytest.mark.parametrize("answer", ["kept", "repeated"])
def test_a_portal_that_sends_no_new_refresh_token_keeps_the_old_one(api, browser, answer):
    with connected(api, browser, Choices(refresh_answer=answer)) as (portal, connection):
        for _ in range(2):
            let_it_expire(connection)
            access_token(connection.pk)

        assert again(connection).refresh_token == connection.refresh_token
        assert portal.violations == []


@pytest.mark.parametrize("expires_in", [20, "20", 10])
def test_tokens_of_a_few_seconds_are_used_while_they_last_and_renewed_once_by_all(api, browser, expires_in):
    with connected(api, browser, Choices(refresh_answer="rotated", expires_in=expires_in)) as (portal, connection):
        let_it_expire(connection)

        assert access_token(connection.pk) == access_token(connection.pk)
        assert len(refreshes(portal)) == 1


def test_a_token_without_an_end_is_used_until_the_portal_refuses_it(api, browser):
    with connected(api, browser, Choices(refresh_answer="rotated", expires_in=None)) as (portal, connection):
        first = access_token(connection.pk)
        assert first.text == connection.access_token

        refuse(connection.pk, first.version)
        second = access_token(connection.pk)

        assert second.text != first.text
        refuse(connection.pk, first.version)  # somebody who noticed late
        assert access_token(connection.pk) == second
        assert len(refreshes(portal)) == 1


def test_scopes_are_those_of_the_last_answer_and_stay_where_it_names_none(api, browser):
    with connected(api, browser, Choices(drops_offline_access=True)) as (_, connection):
        let_it_expire(connection)
        access_token(connection.pk)
        assert "offline_access" not in again(connection).scopes
        assert again(connection).can_refresh
    with connected(api, browser, Choices(scopes_answered=None), client_id="other") as (_, connection):
        let_it_expire(connection)
        access_token(connection.pk)
        assert again(connection).scopes == connection.scopes


@pytest.mark.parametrize("auth", ["basic", "post", "private_key_jwt"])
def test_we_prove_who_we_are_as_at_the_first_exchange(api, browser, auth):
    client = {"auth_method": auth} | ({} if auth == "private_key_jwt" else {"secret": "s p+/=é"})
    with Portal(Choices(client_auth=auth, refresh_answer="rotated")) as portal:
        source = registered(portal, name="Riverside", **client)
        if auth == "private_key_jwt":
            registration = ClientRegistration.objects.get()
            jwk = public_jwk(registration.private_key) | {"kid": registration.key_id}
            portal.register(client_id="medblocks", redirect_uri=redirect_uri(), jwks={"keys": [jwk]})
        connection = connect_at(api, browser, portal, source)
        let_it_expire(connection)

        assert is_good(portal, access_token(connection.pk).text)
        assert portal.violations == []


@pytest.mark.parametrize("fault", ["error_400", "error_401", "error_403", "error_200", "null_description"])
def test_a_refresh_token_that_is_not_good_any_more_ends_the_connection(api, browser, fault):
    with connected(api, browser, Choices(token_fault=fault, token_fault_on="refresh")) as (portal, connection):
        let_it_expire(connection)

        with pytest.raises(AccessEnded):
            access_token(connection.pk)

        ended = again(connection)
        assert (ended.status, ended.failure_code) == (ConnectionStatus.REFRESH_FAILED, "refresh_rejected")
        assert ended.failure_at is not None
        assert (ended.access_token, ended.refresh_token, ended.refresh_due_at) == (None, None, None)
        assert trail(connection) == [RenewalOutcome.REJECTED]
        with pytest.raises(AccessEnded):
            access_token(connection.pk)
        assert len(refreshes(portal)) == 1
        shown = api.get("/patients/p-1").json["connections"][0]
        assert (shown["status"], shown["failure_code"]) == ("refresh_failed", "refresh_rejected")


def test_staff_read_the_portals_own_words(api, browser):
    choices = Choices(token_fault="error_400", token_fault_on="refresh", token_error_description="Ask your clinic.")
    with connected(api, browser, choices) as (_, connection):
        let_it_expire(connection)
        with pytest.raises(AccessEnded):
            access_token(connection.pk)

        line = Renewal.objects.get()
        assert (line.portal_code, line.portal_description) == ("invalid_grant", "Ask your clinic.")


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_scope", "temporarily_unavailable"])
def test_a_refusal_that_is_about_us_ends_nothing(api, browser, error):
    choices = Choices(token_fault="error_400", token_fault_on="refresh", token_error=error)
    with connected(api, browser, choices) as (_, connection):
        let_it_expire(connection)

        with pytest.raises(AccessUnavailable) as unavailable:
            access_token(connection.pk)

        kept = again(connection)
        assert (kept.status, kept.refresh_token) == (ConnectionStatus.ACTIVE, connection.refresh_token)
        assert (kept.spending_since, kept.refresh_failures) == (None, 1)
        assert kept.refresh_due_at == unavailable.value.retry_at > timezone.now()
        assert trail(connection) == [RenewalOutcome.REFUSED]


@pytest.mark.parametrize("fault", ["server_error", "unavailable", "html", "malformed", "array", "redirect", "close"])
def test_a_portal_that_fails_changes_nothing_and_is_asked_again_later(api, browser, fault):
    choices = Choices(token_fault=fault, token_fault_on="refresh", token_fault_times=1)
    with connected(api, browser, choices) as (portal, connection):
        let_it_expire(connection)

        with pytest.raises(AccessUnavailable):
            access_token(connection.pk)
        with pytest.raises(AccessUnavailable):
            access_token(connection.pk)  # not again before its time
        asked = len(refreshes(portal))
        Connection.objects.update(refresh_due_at=timezone.now())

        assert is_good(portal, access_token(connection.pk).text)
        assert asked == 1
        assert again(connection).refresh_failures == 0
        assert trail(connection)[-1] == RenewalOutcome.RENEWED


def test_while_a_portal_is_away_a_token_that_is_still_good_is_used(api, browser):
    choices = Choices(token_fault="unavailable", token_fault_on="refresh")
    with connected(api, browser, choices) as (_, connection):
        let_it_expire(connection, ago=timedelta(seconds=-30))
        with pytest.raises(AccessUnavailable):
            access_token(connection.pk)

        assert access_token(connection.pk).text == connection.access_token


def test_waits_grow_from_a_minute_to_six_hours_and_stay_there(api, browser):
    choices = Choices(token_fault="unavailable", token_fault_on="refresh")
    with connected(api, browser, choices) as (_, connection):
        let_it_expire(connection)
        waits = []
        for _ in range(8):
            Connection.objects.update(refresh_due_at=timezone.now())
            with pytest.raises(AccessUnavailable) as unavailable:
                access_token(connection.pk)
            waits.append(round((unavailable.value.retry_at - timezone.now()).total_seconds() / 60))

        assert waits == [1, 5, 15, 60, 180, 360, 360, 360]
        assert again(connection).status == ConnectionStatus.ACTIVE


def test_without_a_refresh_token_access_is_for_one_time(api, browser):
    with connected(api, browser, Choices(refresh_token=False)) as (portal, connection):
        assert access_token(connection.pk).text == connection.access_token
        let_it_expire(connection)

        with pytest.raises(AccessEnded):
            access_token(connection.pk)

        ended = again(connection)
        assert (ended.status, ended.failure_code, ended.access_token) == (ConnectionStatus.EXPIRED, None, None)
        assert trail(connection) == [RenewalOutcome.ENDED]
        assert refreshes(portal) == []


@pytest.mark.parametrize("status", ["disconnected", "refresh_failed", "expired"])
def test_a_connection_that_has_ended_has_no_token(rotating, status):
    _, connection = rotating
    code = {"failure_code": "refresh_rejected"} if status == "refresh_failed" else {}
    Connection.objects.filter(pk=connection.pk).update(status=status, access_token=None, refresh_token=None, **code)

    with pytest.raises(AccessEnded):
        access_token(connection.pk)
    with pytest.raises(AccessEnded):
        access_token("01ARZ3NDEKTSV4RRFFQ69G5FAV")


@contextmanager
def meanwhile(portal: Portal, action) -> Iterator[None]:
    """Do something while the portal is answering a refresh."""
    answer = portal._tokens.token

    def answer_after_that(request):
        portal._tokens.token = answer
        action()
        database.close()
        return answer(request)

    portal._tokens.token = answer_after_that
    yield
    assert portal._tokens.token == answer


def test_who_disconnects_while_the_portal_answers_stays_disconnected_and_the_new_tokens_are_taken_back(api, rotating):
    portal, connection = rotating
    let_it_expire(connection)

    with meanwhile(portal, lambda: api.delete(path_of(connection))), pytest.raises(AccessEnded):
        access_token(connection.pk)

    ended = again(connection)
    assert (ended.status, ended.access_token, ended.refresh_token) == (ConnectionStatus.DISCONNECTED, None, None)
    new = [each.refresh_token for each in Revocation.objects.order_by("pk")]
    assert len(new) == 2
    assert any(is_good(portal, token) for token in new)  # until the job has run
    assert trail(connection) == []


def test_who_is_erased_while_the_portal_answers_leaves_nothing_but_a_revocation(api, rotating):
    portal, connection = rotating
    let_it_expire(connection)

    with meanwhile(portal, lambda: api.delete("/patients/p-1")), pytest.raises(AccessEnded):
        access_token(connection.pk)

    assert not Connection.objects.exists()
    assert not Renewal.objects.exists()
    assert Revocation.objects.count() == 2


def test_who_signs_in_again_while_the_portal_answers_keeps_the_new_access(api, browser, rotating):
    portal, connection = rotating
    let_it_expire(connection)

    def sign_in():
        connect_at(api, browser, portal, connection.source)

    with meanwhile(portal, sign_in):
        token = access_token(connection.pk)

    renewed = again(connection)
    assert token.text == renewed.access_token
    assert is_good(portal, renewed.refresh_token)
    assert renewed.spending_since is None
    assert not Revocation.objects.exists()


WORKER = """
import os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from patients import renewal, tokens
renewal.store = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
tokens.access_token(sys.argv[2])
"""


def kill_between_call_and_commit(connection: Connection) -> None:
    """A worker asks the portal, gets its answer, and dies before it has written it down."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TEST_VAR_DIR": os.environ["VAR_DIR"]}
    done = subprocess.run(
        [sys.executable, "-c", WORKER, database.settings_dict["NAME"], connection.pk],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_worker_killed_between_call_and_commit_leaves_a_state_that_the_next_one_understands(
    api, browser, monkeypatch
):
    with connected(api, browser, Choices(refresh_answer="kept")) as (portal, connection):
        let_it_expire(connection)
        kill_between_call_and_commit(connection)
        left = again(connection)
        assert left.spending_since is not None
        assert left.refresh_token == connection.refresh_token

        # Nobody spends the token before its lease is over: the other one might still be alive.
        monkeypatch.setattr(tokens, "PATIENCE_SECONDS", 0.3)
        with pytest.raises(AccessUnavailable):
            access_token(connection.pk)
        assert len(refreshes(portal)) == 1
        Connection.objects.update(spending_since=timezone.now() - renewal.LEASE)

        assert is_good(portal, access_token(connection.pk).text)
        assert trail(connection) == [RenewalOutcome.INTERRUPTED, RenewalOutcome.RENEWED]


def test_where_the_lost_answer_had_rotated_the_token_the_trail_says_why_access_ended(api, browser):
    with connected(api, browser, ROTATING) as (_, connection):
        let_it_expire(connection)
        kill_between_call_and_commit(connection)
        Connection.objects.update(spending_since=timezone.now() - renewal.LEASE)

        with pytest.raises(AccessEnded):
            access_token(connection.pk)

        assert trail(connection) == [RenewalOutcome.INTERRUPTED, RenewalOutcome.REJECTED]
        assert again(connection).status == ConnectionStatus.REFRESH_FAILED


def jobs() -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(task_name="patients.tasks.renew", status="todo"))


def test_access_that_nobody_uses_is_renewed_within_a_day(rotating):
    portal, connection = rotating
    due = again(connection).refresh_due_at
    assert timezone.now() + timedelta(hours=19) < due < timezone.now() + timedelta(hours=24, minutes=1)
    assert keeping.enqueue_due(timezone.now()) == 0

    assert keeping.enqueue_due(due) == 1
    assert keeping.enqueue_due(due) == 0  # it waits already
    (job,) = jobs()
    now = timezone.now()
    renew_idle(job.args["connection_id"], now)  # too early
    assert refreshes(portal) == []
    Connection.objects.update(refresh_due_at=now)
    renew_idle(job.args["connection_id"], now)
    renew_idle(job.args["connection_id"], now)  # its time has moved on

    assert len(refreshes(portal)) == 1
    assert again(connection).refresh_due_at > now + timedelta(hours=19)


def test_access_for_one_time_is_noted_as_over_when_its_time_has_come(api, browser):
    with connected(api, browser, Choices(refresh_token=False)) as (_, connection):
        let_it_expire(connection)
        over = again(connection).refresh_due_at
        assert over is not None

        assert keeping.enqueue_due(over) == 1
        renew_idle(connection.pk, over)

        assert again(connection).status == ConnectionStatus.EXPIRED


def test_a_renewal_that_fails_in_the_background_ends_nothing_and_has_its_next_time(api, browser, monkeypatch):
    monkeypatch.setattr(token_refresh, "LIMITS", Limits(seconds=0.5))
    with connected(api, browser, Choices(token_fault="hang", token_fault_on="refresh")) as (_, connection):
        renew_idle(connection.pk, again(connection).refresh_due_at)

        assert again(connection).status == ConnectionStatus.ACTIVE
        assert again(connection).refresh_failures == 1
        assert trail(connection) == [RenewalOutcome.UNREACHABLE]


def test_what_went_well_long_ago_is_forgotten_and_what_did_not_is_kept(rotating):
    _, connection = rotating
    long_ago = timezone.now() - timedelta(days=91)
    for outcome in (RenewalOutcome.RENEWED, RenewalOutcome.UNREACHABLE):
        Renewal.objects.create(connection=connection, outcome=outcome, at=long_ago)
    renewal.note(connection, RenewalOutcome.RENEWED, timezone.now())

    assert keeping.forget_old_trails(timezone.now()) == 1
    assert trail(connection) == [RenewalOutcome.UNREACHABLE, RenewalOutcome.RENEWED]


def test_no_token_is_logged_or_shown_by_what_holds_it(rotating, caplog):
    portal, connection = rotating
    let_it_expire(connection)
    with caplog.at_level(logging.DEBUG):
        token = access_token(connection.pk)

    assert portal.leaks_in(repr(token)) == []
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("medblocks")]
    assert portal.leaks_in("\n".join(ours)) == []


def test_staff_see_the_trail_and_how_long_access_lasts(api, browser, admin_client):
    choices = Choices(token_fault="error_403", token_fault_on="refresh", token_error_description="Ask <b>us</b>.")
    with connected(api, browser, choices) as (_, connection):
        page = f"/admin/patients/connection/{connection.pk}/change/"
        assert "renewed until the patient or the portal ends it" in admin_client.get(page).content.decode()
        let_it_expire(connection)
        with pytest.raises(AccessEnded):
            access_token(connection.pk)

        shown = admin_client.get(page).content.decode()

    assert "rejected: the portal ended the access" in shown
    assert "Ask &lt;b&gt;us&lt;/b&gt;." in shown
    with connected(api, browser, Choices(refresh_token=False), client_id="other") as (_, once):
        shown = admin_client.get(f"/admin/patients/connection/{once.pk}/change/").content.decode()
    assert "One time only" in shown
