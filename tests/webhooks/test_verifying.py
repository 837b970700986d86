"""The receivers of docs/webhooks.md work as they stand there: they take what is genuine, once, and nothing else."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from common.outbound import Reach
from tests.webhooks.documented import KINDS, Running, running
from webhooks.sending import send
from webhooks.signing import new_secret, signature_headers

SECRET = new_secret()


def body_of(event_id: str, **object_: object) -> bytes:
    event = {"id": event_id, "object": "event", "type": "patient.deleted", "data": {"object": object_}}
    return json.dumps(event, ensure_ascii=False).encode()


def deliver(
    receiver: Running, event_id: str, *, secrets: list[str] | None = None, seconds_old: int = 0, **changes: bytes
) -> int | None:
    """What it answers to an attempt."""
    body = body_of(event_id, name="Zoë 🌻")
    now = timezone.now() - timedelta(seconds=seconds_old)
    headers = signature_headers(secrets or [SECRET], event_id=event_id, body=body, now=now)
    return send(receiver.url, headers, changes.get("body", body), Reach.LOCAL).status


def next_is(receiver: Running, event_id: str) -> bool:
    """Whether it has handled nothing before this event, which is new to it."""
    assert deliver(receiver, event_id) == 200
    return receiver.next_handled() == f"patient.deleted {event_id}"


@pytest.fixture(params=KINDS, scope="module")
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def receiver(kind, tmp_path_factory):
    with running(kind, tmp_path_factory.mktemp("receiver"), SECRET) as started:
        yield started


def test_what_is_genuine_is_taken_and_handled(receiver):
    assert deliver(receiver, "evt_GENUINE") == 200

    assert receiver.next_handled() == "patient.deleted evt_GENUINE"


def test_what_comes_again_is_taken_again_and_handled_once(receiver):
    assert [deliver(receiver, "evt_TWICE") for _ in range(3)] == [200] * 3
    assert receiver.next_handled() == "patient.deleted evt_TWICE"
    assert deliver(receiver, "evt_TWICE") == 200

    assert next_is(receiver, "evt_z")


def test_many_at_once_are_all_taken_and_handled_once(receiver):
    ids = [f"evt_MANY{number}" for number in range(120)]

    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda event_id: deliver(receiver, event_id), ids * 2))

    assert answers == [200] * len(answers)
    assert sorted(receiver.next_handled() for _ in ids) == sorted(f"patient.deleted {event_id}" for event_id in ids)
    assert next_is(receiver, "evt_zMANY")


@pytest.mark.parametrize("seconds_old", [-290, 290])
def test_what_is_a_little_old_or_ahead_is_taken(receiver, seconds_old):
    assert deliver(receiver, f"evt_{seconds_old}", seconds_old=seconds_old) == 200

    assert receiver.next_handled() == f"patient.deleted evt_{seconds_old}"


@pytest.mark.parametrize("seconds_old", [-400, 301, 86_400])
def test_what_is_too_old_or_too_far_ahead_is_refused(receiver, seconds_old):
    assert deliver(receiver, "evt_OLD", seconds_old=seconds_old) == 400

    assert next_is(receiver, f"evt_z{seconds_old}")


@pytest.mark.parametrize(
    "body", [body_of("evt_FORGED"), body_of("evt_CHANGED", name="Zoë 🌼"), b"", b"\xff\x00"], ids=range(4)
)
def test_what_was_changed_on_the_way_is_refused(receiver, body):
    assert deliver(receiver, "evt_CHANGED", body=body) == 400

    assert next_is(receiver, f"evt_z{body.hex()[:70]}{len(body)}")


def test_what_somebody_else_signed_is_refused(receiver):
    assert deliver(receiver, "evt_ELSE", secrets=[new_secret()]) == 400
    assert deliver(receiver, "evt_ELSE", secrets=[new_secret(), new_secret()]) == 400

    assert next_is(receiver, "evt_zELSE")


@pytest.mark.parametrize("place", [0, 1], ids=["the new secret", "the old secret"])
def test_while_the_secret_is_changed_it_takes_what_both_have_signed(receiver, place):
    secrets = [new_secret()]
    secrets.insert(place, SECRET)

    assert deliver(receiver, f"evt_ROTATED{place}", secrets=secrets) == 200

    assert receiver.next_handled() == f"patient.deleted evt_ROTATED{place}"


@pytest.mark.parametrize(
    "header",
    ["", "t=", "v1=", "t=1,v1=" + "0" * 64, "t=now,v1=0", f"t={'9' * 5000},v1=0", "t=-1,v1=0", "t=1,v1=\u00e9", "=,=,"],
    ids=range(9),
)
def test_a_header_that_is_no_signature_is_refused(receiver, header):
    headers = {"Medblocks-Signature": header.encode("latin-1"), "webhook-id": "evt_1", "webhook-signature": "v1"}

    assert receiver.post(body_of("evt_1"), headers) == 400
    assert receiver.post(body_of("evt_1"), {}) == 400


def test_a_body_that_is_too_large_is_not_read(receiver):
    address = urlsplit(receiver.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as sender:
        sender.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n" + b" " * 1048577)
        answer = sender.recv(100)

    assert answer == b"" or b" 413 " in answer.splitlines()[0]


def test_what_was_taken_is_not_lost_when_it_is_killed(kind, tmp_path):
    with running(kind, tmp_path, SECRET) as receiver:
        assert deliver(receiver, "evt_FIRST") == 200
        assert receiver.next_handled() == "patient.deleted evt_FIRST"
        assert deliver(receiver, "evt_SECOND") == 200
        receiver.process.kill()
    handled = list(receiver.lines.queue)
    with running(kind, tmp_path, SECRET) as receiver:
        assert deliver(receiver, "evt_FIRST") == 200
        assert deliver(receiver, "evt_SECOND") == 200
        assert deliver(receiver, "evt_THIRD") == 200
        while "patient.deleted evt_THIRD" not in handled:
            handled.append(receiver.next_handled())

    assert "patient.deleted evt_SECOND" in handled
