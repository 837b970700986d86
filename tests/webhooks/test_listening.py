"""`webhooks_listen` brings a workspace's events to a developer's machine, as they would arrive at an endpoint."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from standardwebhooks import Webhook
from stripe import WebhookSignature

from common.outbound import AddressRefused
from organizations.models import ApiKey
from organizations.operations import create_api_key
from tests.ports import closed_port
from tests.serving import serving
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.receivers import Receiver
from tests.webhooks.receivers.behaviours import answers, closes_at_once, redirects, says
from tests.webhooks.receivers.names import Names
from tests.webhooks.screens import BEGUN, SECRET, Screen, listening_to
from tests.webhooks.writing import tell
from webhooks.following import Feed, KeyRefused
from webhooks.listening import Listener
from webhooks.models import Delivery

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def key(organization) -> str:
    return create_api_key(organization=organization, name="listener", scopes=["webhooks:read"])[1]


@pytest.fixture
def server(transactional_db) -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answers(200)) as started:
        yield started


def test_an_event_arrives_as_it_would_at_an_endpoint(server, organization, key, receiver):
    new_endpoint(organization)
    with listening_to(server, key, to=receiver.url) as screen:
        event_id = tell(organization, 7)
        screen.wait_for(event_id)

    [heard] = receiver.heard
    delivered = Delivery.objects.get()
    assert heard.body.decode() == delivered.body.replace(delivered.public_id, event_id)
    assert heard.content["fact_id"] == heard.content["id"] == heard.id == event_id
    assert (heard.method, heard.headers["content-type"]) == ("POST", "application/json")
    assert screen.lines[-1] == f"patient.deleted                  {event_id}  → 200"


def test_it_is_signed_so_that_foreign_verifiers_take_it(server, organization, key, receiver):
    with listening_to(server, key, to=receiver.url) as screen:
        screen.wait_for(tell(organization))

    [heard] = receiver.heard
    assert WebhookSignature.verify_header(heard.body.decode(), heard.headers["medblocks-signature"], SECRET, 300)
    assert Webhook(SECRET).verify(heard.body, heard.headers) == heard.content


def test_what_happened_before_is_not_forwarded(server, organization, key, receiver):
    tell(organization, 1)
    with listening_to(server, key, to=receiver.url) as screen:
        screen.wait_for(tell(organization, 2))

    assert [heard.content["data"]["object"] for heard in receiver.heard] == [{"number": 2}]


def test_more_than_a_page_arrives_in_order_each_once(server, organization, key, receiver):
    with listening_to(server, key, to=receiver.url) as screen:
        told = [tell(organization, number) for number in range(230)]
        screen.wait_for(told[-1])

    assert [heard.id for heard in receiver.heard] == told


def test_events_of_other_workspaces_are_not_seen(server, organization, other_organization, key, receiver):
    with listening_to(server, key, to=receiver.url) as screen:
        tell(other_organization)
        event_id = tell(organization)
        screen.wait_for(event_id)

    assert [heard.id for heard in receiver.heard] == [event_id]


def test_types_that_were_not_asked_for_are_named_and_not_forwarded(server, organization, key, receiver):
    with listening_to(server, key, to=receiver.url, types=frozenset({"connection.created"})) as screen:
        other = tell(organization)
        wanted = tell(organization, type_="connection.created")
        screen.wait_for(wanted)

    assert [heard.id for heard in receiver.heard] == [wanted]
    assert f"patient.deleted                  {other}  not asked for" in screen.lines


def test_without_a_receiver_events_are_printed(server, organization, key):
    with listening_to(server, key) as screen:
        event_id = tell(organization)
        screen.wait_for(event_id)

    assert screen.lines[1:] == [f"patient.deleted                  {event_id}"]


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (answers(500, b"oh"), "→ The receiver answered with status 500."),
        (redirects(302), "→ The receiver answered with a redirect (status 302), which is not followed."),
        (closes_at_once, "→ The connection to 127.0.0.1 failed"),
        (says(b"good day\r\n"), "→ The connection to 127.0.0.1 failed"),
    ],
    ids=["500", "redirect", "closes", "garbage"],
)
def test_a_receiver_that_fails_is_told_of_and_gets_the_next_event(server, organization, key, receiver, behave, words):
    receiver.behave = behave
    with listening_to(server, key, to=receiver.url) as screen:
        failed = tell(organization)
        screen.wait_for(failed)
        receiver.behave = answers(204)
        taken = tell(organization)
        screen.wait_for(taken)

    [line] = [line for line in screen.lines if failed in line]
    assert words in line
    assert [heard.id for heard in receiver.heard if heard.id == taken] == [taken]
    assert screen.lines[-1].endswith("→ 204")


def test_a_receiver_that_is_not_there_is_told_of(server, organization, key):
    with closed_port() as port, listening_to(server, key, to=f"http://127.0.0.1:{port}/") as screen:
        screen.wait_for(tell(organization))

    assert screen.lines[-1].endswith("→ 127.0.0.1 does not accept connections.")


def test_a_name_that_leads_to_a_public_address_gets_nothing(server, organization, key, monkeypatch):
    Names(monkeypatch, {"dev.internal": ["93.184.215.14", "2606:2800:21f::1"]})
    with listening_to(server, key, to="http://dev.internal:9/") as screen:
        screen.wait_for(tell(organization))

    assert screen.lines[-1].endswith("→ The name dev.internal leads to an address that is not allowed here.")


def test_a_key_that_is_revoked_for_a_while_loses_nothing(server, organization, key, receiver):
    with listening_to(server, key, to=receiver.url) as screen:
        ApiKey.objects.update(revoked_at=timezone.now())
        screen.wait_for("The server answered 401")
        event_id = tell(organization)
        ApiKey.objects.update(revoked_at=None)
        screen.wait_for(BEGUN, times=2)
        screen.wait_for(event_id)

    assert [heard.id for heard in receiver.heard] == [event_id]


def test_a_key_that_is_refused_at_once_ends_it(server, organization):
    with Feed(server, "mb_sk_sbx_nobody") as feed, pytest.raises(KeyRefused, match="The server answered 401: "):
        Listener(feed, None, frozenset(), Screen().say).run(threading.Event())


def test_a_key_without_the_scope_ends_it(server, organization):
    key = create_api_key(organization=organization, name="other", scopes=["patients:read"])[1]

    with Feed(server, key) as feed, pytest.raises(KeyRefused, match=r"The server answered 403: .*webhooks:read"):
        Listener(feed, None, frozenset(), Screen().say).run(threading.Event())


@pytest.mark.parametrize("url", ["http://example.org", "ftp://localhost", "https://user:pw@localhost", "localhost"])
def test_a_server_in_clear_on_the_internet_is_not_asked(url):
    with pytest.raises(AddressRefused):
        Feed(url, "key")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": None}, "An API key is needed"),
        ({"events": "patient.deleted,patient.born"}, "There is no type patient.born."),
        ({"forward_to": "https://localhost:3000"}, "Give an http:// address"),
        ({"forward_to": "http://example.org/hooks"}, "--forward-to: The address is not https"),
        ({"forward_to": "http://93.184.215.14/"}, "--forward-to: The address is not https"),
        ({"forward_to": "http://169.254.169.254/"}, "--forward-to: The address 169.254.169.254 is not allowed here."),
        ({"forward_to": "localhost:3000"}, "--forward-to: The address is not an http or https URL."),
        ({"forward_to": "http://localhost:1", "secret": "whsec_%%"}, "--secret: Give whsec_ followed by base64."),
        ({"forward_to": "http://localhost:1", "secret": "whsec_"}, "--secret: Give whsec_ followed by base64."),
        ({"forward_to": "http://localhost:1", "secret": "QUJD"}, "--secret: Give whsec_ followed by base64."),
        ({"base_url": "http://connect.example.org"}, "--base-url: The address is not https."),
    ],
)
def test_what_cannot_work_is_one_clear_sentence(options, words, monkeypatch):
    monkeypatch.delenv("MEDBLOCKS_API_KEY", raising=False)

    with pytest.raises(CommandError, match=re.escape(words)):
        call_command("webhooks_listen", **({"api_key": "key", "base_url": "http://localhost:1"} | options))


@pytest.mark.django_db(transaction=True)
def test_the_command_needs_no_database_prints_what_it_does_and_ends_with_ctrl_c(
    server, organization, key, receiver, tmp_path
):
    own = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "VAR_DIR": str(tmp_path)}
    own |= {"DJANGO_SETTINGS_MODULE": "medblocks_connect.settings", "MEDBLOCKS_API_KEY": key}
    command = [sys.executable, "manage.py", "webhooks_listen", "--forward-to", receiver.url, "--base-url", server]
    output = tmp_path / "output.txt"

    with output.open("wb") as printed:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=printed, stderr=printed)
    try:
        wait_for(output, BEGUN)
        event_id = tell(organization)
        wait_for(output, event_id)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()

    events_of, signed_with, *rest = output.read_text().splitlines()
    assert events_of == f"Events of {server}, forwarded to {receiver.url}"
    assert rest == [BEGUN, f"patient.deleted                  {event_id}  → 200", "Stopped."]
    secret = signed_with.removeprefix("Signed with ")
    assert Webhook(secret).verify(receiver.heard[0].body, receiver.heard[0].headers)["id"] == event_id


def wait_for(output: Path, words: str) -> None:
    deadline = time.monotonic() + 60
    while words not in output.read_text():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
