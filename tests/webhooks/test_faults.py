"""Whatever a receiver does, its deadline ends it, what came of it is recorded, and nobody else notices."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.ports import closed_port
from tests.webhooks.delivering import came_of, deliver_what_is_due, is_active
from tests.webhooks.dispatching import delivery_at
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.receivers import Receiver
from tests.webhooks.receivers import behaviours as does
from tests.webhooks.receivers.crowded import crowded
from tests.webhooks.receivers.names import Names
from tests.webhooks.writing import tell
from webhooks import sending
from webhooks.models import Attempt, Disabled, Endpoint, Outcome
from webhooks.sending import KEPT_BYTES

TOO_LONG = "127.0.0.1 took too long to answer."
BROKEN = "The connection to 127.0.0.1 failed (ConnectionError)."
SECOND = timedelta(seconds=1)

HANGING = {
    "hangs before it reads": (does.hangs_before_it_reads, TOO_LONG),
    "hangs after the request": (does.hangs_after(), TOO_LONG),
    "hangs in its headers": (does.hangs_in_its_headers, TOO_LONG),
    "drips its headers": (does.drips_its_headers, TOO_LONG),
    "continues, and then nothing": (does.continues_and_hangs, TOO_LONG),
    "hints, and then nothing": (does.hints_and_hangs, TOO_LONG),
    "continues for ever": (does.continues_for_ever, TOO_LONG),
}
BROKEN_OFF = {
    "closes at once": (does.closes_at_once, BROKEN),
    "closes after the request": (does.closes_after_the_request, BROKEN),
    "resets": (does.resets, BROKEN),
    "has endless headers": (does.has_endless_headers, BROKEN),
    "speaks something else": (does.says(b"SSH-2.0-OpenSSH_9.2\r\n" * 50), BROKEN),
    "speaks an old HTTP": (does.says(b"<html>It works!</html>"), BROKEN),
    "has two lengths": (
        does.says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nonly"),
        "The connection to 127.0.0.1 failed (InvalidHeader).",
    ),
    "says NUL bytes": (does.says(b"\0" * 1000), BROKEN),
    "has a status of two digits": (does.says(b"HTTP/1.1 20 Short\r\n\r\n"), BROKEN),
    "has a status of five digits": (does.says(b"HTTP/1.1 20000 Long\r\n\r\n"), BROKEN),
    "has an endless first line": (does.says(b"HTTP/1.1 200 " + b"x" * 1_000_000), BROKEN),
}
TAKEN = {
    "204 with a body": (does.says(b"HTTP/1.1 204 Gone home\r\nContent-Length: 5\r\n\r\nhello"), 204, ""),
    "10 MB": (does.answers(200, b"x" * does.HUGE), 200, "x" * KEPT_BYTES),
    "no end": (does.has_an_endless_body, 200, "x" * KEPT_BYTES),
    "continues, and then answers": (does.continues_and_answers, 200, "fine"),
    "hints, and then answers": (does.hints_and_answers, 200, "fine"),
    "cut off": (does.says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly"), 200, "only"),
    "a negative length": (does.says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nonly"), 200, "only"),
    "broken chunks": (does.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno"), 200, ""),
    "bytes that are no text": (does.answers(202, b"\xff\xfe\0text\xc3"), 202, "\ufffd" * 3 + "text"),
    "a bomb": (does.bomb(200), 200, ""),
    "packed": (does.packed(200, b"hello"), 200, ""),
    "not what it says it is packed in": (does.answers(200, b"hello", Content_Encoding="gzip"), 200, ""),
    "headers of any bytes": (does.says(b"HTTP/1.1 200 \xff\r\nX-\xfe: \xff\r\nContent-Length: 0\r\n\r\n"), 200, ""),
}
REFUSED = {
    **{str(status): (does.redirects(status), status, "which is not followed") for status in (301, 302, 303, 307, 308)},
    "a redirect to nowhere": (does.answers(302), 302, "which is not followed"),
    "a redirect to nonsense": (does.redirects(301, to="http://[nonsense"), 301, "which is not followed"),
    "300": (does.answers(300), 300, "which is not followed"),
    "304": (does.answers(304), 304, "which is not followed"),
    "400": (does.answers(400, b"no"), 400, "The receiver answered with status 400."),
    "500 with a bomb": (does.bomb(500), 500, "The receiver answered with status 500."),
    "500 of 10 MB": (does.answers(500, b"x" * does.HUGE), 500, "The receiver answered with status 500."),
    "999": (does.answers(999), 999, "The receiver answered with status 999."),
    "101": (does.says(b"HTTP/1.1 101 Else\r\nUpgrade: else\r\n\r\n"), 101, "The receiver answered with status 101."),
}


@pytest.fixture
def short_deadline(monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 0.5)


@pytest.mark.parametrize(("behaviour", "problem"), HANGING.values(), ids=HANGING)
def test_who_takes_too_long_is_cut_off(organization, short_deadline, behaviour, problem):
    check_no_answer(organization, behaviour, problem)


@pytest.mark.parametrize(("behaviour", "problem"), BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_who_says_nothing_that_can_be_read_has_not_answered(organization, behaviour, problem):
    check_no_answer(organization, behaviour, problem)


def check_no_answer(organization, behaviour, problem):
    """They are asked again a minute later."""
    with Receiver(behaviour) as receiver:
        delivery = delivery_at(organization, url=receiver.url)
        attempt = came_of(delivery)

    assert (attempt.outcome, attempt.status_code, attempt.problem) == (Outcome.FAILED, None, problem)
    assert (delivery.attempts, delivery.delivered_at, delivery.last_status_code) == (1, None, None)
    assert 60 * SECOND <= delivery.next_attempt_at - attempt.started_at < 90 * SECOND
    assert Endpoint.objects.get().failing_since >= attempt.started_at


@pytest.mark.parametrize(("behaviour", "status", "body"), TAKEN.values(), ids=TAKEN)
def test_a_2xx_counts_whatever_comes_after_its_headers(organization, behaviour, status, body):
    with Receiver(behaviour) as receiver:
        delivery = delivery_at(organization, url=receiver.url)
        attempt = came_of(delivery)

    assert (attempt.outcome, attempt.status_code, attempt.problem) == (Outcome.DELIVERED, status, "")
    assert attempt.response_body == delivery.last_response_body == body
    assert (delivery.attempts, delivery.next_attempt_at, delivery.last_status_code) == (1, None, status)
    assert delivery.delivered_at >= attempt.started_at


def test_a_receiver_has_five_seconds_to_answer(organization):
    with Receiver(does.hangs_after()) as receiver:
        attempt = came_of(delivery_at(organization, url=receiver.url))

    assert (attempt.outcome, attempt.problem) == (Outcome.FAILED, TOO_LONG)
    assert 4_900 <= attempt.duration_ms < 9_000


def test_the_first_4_kb_of_an_answer_are_kept(organization):
    said = b"".join(b"%07d " % number for number in range(1000))
    with Receiver(does.answers(200, said)) as receiver:
        delivery = delivery_at(organization, url=receiver.url)
        came_of(delivery)

    assert delivery.last_response_body == said[:4096].decode()


@pytest.mark.parametrize(("status", "outcome"), [(200, Outcome.DELIVERED), (503, Outcome.FAILED)])
def test_who_has_said_a_status_in_time_need_not_come_to_an_end(organization, monkeypatch, status, outcome):
    monkeypatch.setattr(sending, "SECONDS", 1.5)
    said = f"HTTP/1.1 {status} So\r\nContent-Length: 1000\r\n\r\nso far".encode()
    with Receiver(does.hangs_after(said)) as receiver:
        attempt = came_of(delivery_at(organization, url=receiver.url))

    assert (attempt.outcome, attempt.status_code, attempt.response_body) == (outcome, status, "so far")


@pytest.mark.parametrize(("behaviour", "status", "problem"), REFUSED.values(), ids=REFUSED)
def test_any_other_status_is_a_failure_and_leads_nowhere(organization, behaviour, status, problem, monkeypatch):
    names = Names(monkeypatch, {})
    with Receiver(behaviour) as receiver:
        delivery = delivery_at(organization, url=receiver.url)
        attempt = came_of(delivery)

        assert receiver.connections == 1
    assert (attempt.outcome, attempt.status_code) == (Outcome.FAILED, status)
    assert problem in attempt.problem
    assert len(attempt.response_body) <= KEPT_BYTES
    assert set(names.asked) == {"127.0.0.1"}
    assert delivery.next_attempt_at is not None


def test_410_disables_at_once_and_holds_what_else_there_is(organization):
    with Receiver(does.answers(410, b"gone")) as receiver:
        delivery = delivery_at(organization, url=receiver.url)
        tell(organization)
        later = timezone.now() + timedelta(hours=1)
        delivery.endpoint.deliveries.exclude(pk=delivery.pk).update(next_attempt_at=later)
        attempt = came_of(delivery)

    assert (attempt.outcome, attempt.status_code, attempt.response_body) == (Outcome.FAILED, 410, "gone")
    assert not is_active(delivery.endpoint)
    assert delivery.endpoint.disabled_because == Disabled.GONE
    assert not delivery.endpoint.deliveries.exclude(next_attempt_at=None).exists()


def test_a_port_that_takes_no_connections_meets_the_deadline_too_however_many_addresses_there_are(
    organization, monkeypatch, short_deadline
):
    with crowded() as port:
        Names(monkeypatch, {"many.localhost": ["127.0.0.1"] * 20})
        delivery = delivery_at(organization, url=f"http://many.localhost:{port}/hooks")
        attempt = came_of(delivery)

    assert (attempt.outcome, attempt.problem) == (Outcome.FAILED, "many.localhost took too long to answer.")
    assert attempt.duration_ms < 5000  # ten times the deadline: not one for each address


def test_a_closed_port_is_a_failure(organization):
    with closed_port() as port:
        attempt = came_of(delivery_at(organization, url=f"http://127.0.0.1:{port}/"))

    assert (attempt.outcome, attempt.problem) == (Outcome.FAILED, "127.0.0.1 does not accept connections.")


PRIVATE = ("of-theirs", "123456789", "v1=", "v1,", "whsec_")
SAYS_TOO_MUCH = {
    "an error": does.answers(500, b"of-theirs"),
    "a redirect": does.redirects(302, to="https://elsewhere.example/of-theirs"),
    "no HTTP": does.says(b"of-theirs"),
    "headers that make no sense": does.says(b"HTTP/1.1 200 OK\r\nX-\xfe: of-theirs\r\nContent-Length: 0\r\n\r\n"),
    "a length that makes no sense": does.says(b"HTTP/1.1 200 OK\r\nContent-Length: of-theirs\r\n\r\n"),
}


@pytest.mark.parametrize("behaviour", SAYS_TOO_MUCH.values(), ids=SAYS_TOO_MUCH)
def test_neither_what_was_sent_nor_what_was_answered_is_in_the_log(organization, caplog, behaviour):
    caplog.set_level(logging.DEBUG)
    with Receiver(behaviour) as receiver:
        new_endpoint(organization, url=f"{receiver.url}/of-theirs?key=of-theirs")
        tell(organization, number=123456789)
        assert deliver_what_is_due() == 1

        assert b"123456789" in receiver.heard[0].body
    assert [private for private in PRIVATE if private in caplog.text] == []


def test_others_get_theirs_while_one_hangs_and_one_is_broken(organization, short_deadline):
    with (
        Receiver(does.hangs_after()) as hanging,
        Receiver(does.closes_at_once) as broken,
        Receiver(does.answers()) as good,
    ):
        endpoints = [new_endpoint(organization, url=receiver.url) for receiver in (hanging, broken, good)]
        tell(organization)
        assert deliver_what_is_due() == 3

        assert len(good.heard) == 1
    outcomes = [endpoint.deliveries.get().tries.get().outcome for endpoint in endpoints]
    assert outcomes == [Outcome.FAILED, Outcome.FAILED, Outcome.DELIVERED]
    assert not Attempt.objects.filter(outcome=Outcome.OPEN).exists()
