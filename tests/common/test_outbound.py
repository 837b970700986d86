"""All outbound HTTP goes through one guarded place; nothing out there can make it go astray."""

import ipaddress
import socket

import pytest
import requests
from django.db import connections

from common import outbound
from common.outbound import AddressRefused, Limits, Reach, Redirected, TimedOut, TooLarge, Unreachable
from organizations.models import Organization
from tests.portals import Answer, Listener
from tests.ports import closed_port

REFUSED_EVERYWHERE = [
    "ftp://portal.example/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://",
    "https://user:secret@portal.example/",
    "https://portal.example:99999/",
    "http://portal.example/fhir",
    "https://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "https://[fec0::1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://0.0.0.0/",
    "https://[64:ff9b::a9fe:a9fe]/",
]
REFUSED_IN_PRODUCTION = [
    "http://localhost/fhir",
    "https://localhost/fhir",
    "https://LOCALHOST./fhir",
    "https://portal.localhost/fhir",
    "https://127.0.0.1/fhir",
    "https://[::1]/fhir",
    "https://[::ffff:127.0.0.1]/fhir",
    "https://10.0.0.8/fhir",
    "https://192.168.1.1/fhir",
    "http://portal:8080/fhir",
]


@pytest.mark.django_db(transaction=True)
def test_no_connection_to_the_database_is_held_while_a_server_takes_its_time():
    held = []

    def answer(request):
        held.append(asked_from.connection)
        return Answer.json({"ok": True})

    asked_from = connections["default"]
    with Listener("slow", answer) as running:
        asked_from.ensure_connection()
        outbound.get(f"{running.origin}/", Reach.LOCAL)

    assert held == [None]
    assert Organization.objects.count() == 0  # and it is back when needed


def test_inside_a_transaction_the_connection_is_kept(server, db):
    Organization.objects.count()
    kept = connections["default"].connection

    outbound.get(f"{server.origin}/", Reach.LOCAL)

    assert connections["default"].connection is kept


@pytest.fixture
def server():
    def answer(request):
        match request.path:
            case "/redirect":
                return Answer.redirect("https://elsewhere.example/")
            case "/large":
                return Answer.html("x" * 200_000)
            case "/bomb":
                import gzip

                return Answer(200, gzip.compress(b"0" * 20_000_000), {"Content-Encoding": "gzip"})
            case "/headers":
                return Answer.json(dict(request.headers))
        return Answer.json({"ok": True})

    with Listener("server", answer) as running:
        yield running


@pytest.mark.parametrize("url", REFUSED_EVERYWHERE)
@pytest.mark.parametrize("reach", list(Reach))
def test_some_addresses_are_never_requested(url, reach):
    with pytest.raises(AddressRefused):
        outbound.check_url(url, reach)


@pytest.mark.parametrize("url", REFUSED_IN_PRODUCTION)
def test_this_machine_and_private_networks_are_for_sandboxes_only(url):
    with pytest.raises(AddressRefused):
        outbound.check_url(url, Reach.PUBLIC)

    outbound.check_url(url, Reach.LOCAL)


def test_private_networks_can_be_allowed_one_by_one(settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["10.1.0.0/16"]

    assert outbound.is_allowed(ipaddress.ip_address("10.1.2.3"), Reach.PUBLIC)
    assert not outbound.is_allowed(ipaddress.ip_address("10.2.2.3"), Reach.PUBLIC)


def test_an_ordinary_answer_arrives(server):
    assert outbound.get(f"{server.origin}/", Reach.LOCAL).json() == {"ok": True}


def test_a_name_that_resolves_to_this_machine_is_refused_when_connecting(server, monkeypatch):
    loopback = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: loopback)

    with pytest.raises(AddressRefused):
        outbound.get("https://innocent.example/fhir", Reach.PUBLIC)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1"])
def test_other_spellings_of_an_address_are_seen_through(host):
    with pytest.raises((AddressRefused, Unreachable)):
        outbound.get(f"https://{host}/", Reach.PUBLIC)


def test_redirects_are_not_followed(server):
    with pytest.raises(Redirected):
        outbound.get(f"{server.origin}/redirect", Reach.LOCAL)


@pytest.mark.parametrize("path", ["/large", "/bomb"])
def test_an_answer_over_the_limit_is_cut_off_counted_after_decompression(server, path):
    with (
        outbound.guard(requests.Session(), Reach.LOCAL, Limits(max_bytes=100_000)) as session,
        pytest.raises(TooLarge),
    ):
        session.get(server.origin + path)


def test_a_server_that_drips_its_headers_meets_the_deadline():
    import threading
    import time

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def drip():
            connection, _ = listening.accept()
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
                    try:
                        connection.send(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        with (
            outbound.guard(requests.Session(), Reach.LOCAL, Limits(seconds=0.5)) as session,
            pytest.raises(TimedOut),
        ):
            session.get(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join(10)


def test_a_closed_port_is_unreachable():
    with closed_port() as port, pytest.raises(Unreachable):
        outbound.get(f"http://127.0.0.1:{port}/", Reach.LOCAL)


def test_proxies_and_netrc_of_the_environment_are_ignored(server, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    answer = outbound.get(f"{server.origin}/headers", Reach.LOCAL)

    assert "authorization" not in {name.lower() for name in answer.json()}


def test_no_other_module_makes_requests():
    from tests.layers import imports_of

    allowed = {
        "common.outbound.download",
        "common.outbound.errors",
        "common.outbound.exchange",
        "common.outbound.session",
        "common.outbound.tls",
        "records.fhir.problems",
        "records.fhir.server",
        "sources.revocation_endpoint",
        "sources.token_endpoint",
        "sources.token_refresh",
        "webhooks.sending",
        "webhooks.following",
        "medblocks_connect.supervisor",
        "medblocks_connect.demo",
    }
    users = {module for module, imported in imports_of() if imported.split(".")[0] in {"requests", "urllib3", "httpx"}}
    assert {module for module in users if not module.startswith(("tests", "bench"))} <= allowed


@pytest.mark.parametrize("host", ["☃.example", f"{'a' * 64}.example", "*.example", "a..example"])
def test_a_host_that_cannot_be_looked_up_is_refused_like_any_other(host):
    with pytest.raises(AddressRefused):
        outbound.get(f"https://{host}/r4", Reach.PUBLIC)


@pytest.mark.parametrize("address", ["::127.0.0.1", "::ffff:0:7f00:1", "64:ff9b::a00:1", "2002:7f00:1::"])
def test_an_address_that_stands_for_a_private_one_is_not_allowed(address):
    assert not outbound.is_allowed(ipaddress.ip_address(address), Reach.PUBLIC)


@pytest.mark.parametrize("reach", Reach)
@pytest.mark.parametrize(
    "address",
    ["64:ff9b:1::7f00:1", "64:ff9b:1:7f00:0:100:808:808", "fec0::1", "192.0.0.192", "5f00::1", "3fff::1"],
)
def test_an_address_that_is_nobodys_in_public_is_not_allowed_at_all(address, reach):
    assert not outbound.is_allowed(ipaddress.ip_address(address), reach)
