"""Nothing is sent to whoever cannot show that they are who they should be, nor to this machine and its neighbours."""

import ssl

import pytest

from tests.conftest import api_of
from tests.webhooks.delivering import came_of
from tests.webhooks.dispatching import delivery_at
from tests.webhooks.receivers import Receiver
from tests.webhooks.receivers import behaviours as does
from tests.webhooks.receivers.certificates import Authority, yesterday
from tests.webhooks.receivers.names import Names
from tests.webhooks.writing import tell
from webhooks import sending
from webhooks.models import Endpoint, Outcome

NAME = "hooks.example"


@pytest.fixture
def public(settings, monkeypatch):
    """Names that lead to loopback, as if it were public."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    return Names(monkeypatch, {NAME: ["127.0.0.1"]})


@pytest.fixture
def authority(monkeypatch, tmp_path) -> Authority:
    made = Authority()
    made.is_trusted(monkeypatch, tmp_path)
    return made


def test_a_good_certificate_is_good(organization, public, authority):
    with Receiver(does.answers(200, b"ok"), authority.certifies(NAME)) as receiver:
        attempt = came_of(delivery_at(organization, url=receiver.url_at(NAME)))

    assert (attempt.outcome, attempt.response_body) == (Outcome.DELIVERED, "ok")


def certificate(kind: str, authority: Authority) -> ssl.SSLContext:
    match kind:
        case "expired":
            return authority.certifies(NAME, until=yesterday())
        case "of another name":
            return authority.certifies("other.example")
        case "of an unknown authority":
            return Authority().certifies(NAME)
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["expired", "of another name", "of an unknown authority"])
def test_nothing_is_said_to_whoever_has_a_bad_certificate(organization, public, authority, kind):
    with Receiver(does.answers(), certificate(kind, authority)) as receiver:
        attempt = came_of(delivery_at(organization, url=receiver.url_at(NAME)))

        assert receiver.connections == 1
        assert receiver.heard == []
    assert attempt.outcome == Outcome.FAILED
    assert attempt.problem == f"The TLS certificate of {NAME} could not be verified."


def test_who_does_not_speak_tls_hears_nothing(organization, public, authority):
    with Receiver(does.says(b"HTTP/1.1 400 Plain\r\n\r\n")) as receiver:
        url = receiver.url_at(NAME).replace("http:", "https:")
        attempt = came_of(delivery_at(organization, url=url))

        assert receiver.heard == []
    assert attempt.outcome == Outcome.FAILED


def test_a_handshake_that_never_ends_meets_the_deadline(organization, public, authority, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    with Receiver(does.hangs_before_it_reads) as receiver:  # it takes the connection, and does not speak TLS at all
        attempt = came_of(delivery_at(organization, url=receiver.url_at(NAME).replace("http:", "https:")))

    assert (attempt.outcome, attempt.problem) == (Outcome.FAILED, f"{NAME} took too long to answer.")


def test_a_name_that_leads_here_only_since_it_was_checked_is_refused_when_it_is_sent(
    production_organization, monkeypatch
):
    names = Names(monkeypatch, {NAME: ["93.184.215.14"]})
    with Receiver(does.answers()) as receiver:
        url = f"https://{NAME}:{receiver.port}/hooks"
        made = api_of(production_organization).post("/webhooks", {"url": url, "events": ["*"]})
        assert made.status == 200, made.json
        endpoint = Endpoint.objects.with_public_id(made.json["id"])
        names.leads_to[NAME] = ["127.0.0.1"]
        tell(endpoint.organization)
        attempt = came_of(endpoint.deliveries.get())

        assert receiver.connections == 0
    assert (attempt.outcome, attempt.status_code) == (Outcome.FAILED, None)
    assert attempt.problem == f"The name {NAME} leads to an address that is not allowed here."


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.8", "169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1"]
)
def test_a_name_may_lead_to_no_address_that_is_not_public(organization, monkeypatch, address):
    Names(monkeypatch, {NAME: [address]})

    attempt = came_of(delivery_at(organization, url=f"https://{NAME}/hooks"))

    assert attempt.problem == f"The name {NAME} leads to an address that is not allowed here."


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1.", "localhost", "localhost.", "LOCALHOST", "hooks.localhost.", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0.0.0.0",
        "169.254.169.254", "169.254.169.254.", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[fe80::1%25eth0]",
    ],
)  # fmt: skip
def test_an_address_of_this_machine_in_any_spelling_gets_no_connection(production_organization, host):
    with Receiver(does.answers()) as receiver:
        attempt = came_of(delivery_at(production_organization, url=f"https://{host}:{receiver.port}/hooks"))

        assert receiver.connections == 0
    assert (attempt.outcome, attempt.status_code) == (Outcome.FAILED, None)
    assert attempt.problem
