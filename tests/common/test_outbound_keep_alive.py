"""A guarded session may keep its connection from one exchange to the next, and is guarded all the same."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common import outbound
from common.outbound import Limits, Reach, TimedOut, TooLarge, Unreachable
from tests.records.server import Asked, Reply, Server, reply


@pytest.fixture(params=["http", "https"])
def tls(request, tmp_path, monkeypatch):
    """A server's side of TLS, with a certificate that we trust; None for plain http."""
    if request.param == "http":
        return None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def keeping(**limits):
    return outbound.guard(requests.Session(), Reach.LOCAL, Limits(**limits), keep_alive=True)


def connections(server: Server) -> list[int]:
    return [asked.connection for asked in server.asked]


def test_pages_come_over_one_connection(tls):
    with Server(reply({"ok": True}), tls) as server, keeping() as session:
        for _ in range(3):
            assert session.get(server.origin).json() == {"ok": True}

        assert connections(server) == [1, 1, 1]


def test_nobody_keeps_a_connection_unasked_though_the_server_would():
    with Server(reply({"ok": True})) as server, outbound.guard(requests.Session(), Reach.LOCAL) as session:
        for _ in range(2):
            session.get(server.origin)

        assert connections(server) == [1, 2]
        assert {asked.headers["connection"] for asked in server.asked} == {"close"}
        assert server.is_left_alone()


def test_the_deadline_reaches_a_kept_connection(tls):
    def answer(asked: Asked) -> Reply:
        whole = reply("x" * 300).raw
        return Reply(whole, drips=asked.target == "/drips")

    with Server(answer, tls) as server, keeping(seconds=2) as session:
        session.get(server.origin)
        with pytest.raises(TimedOut):
            session.get(f"{server.origin}/drips")

        assert connections(server) == [1, 1]
        assert session.get(server.origin).ok  # on another
        assert connections(server) == [1, 1, 2]


def test_a_get_that_meets_a_connection_just_given_up_is_sent_again_once(tls):
    def answer(asked: Asked) -> Reply:
        is_second = server.asked[:-1] and asked.connection == 1
        return Reply(b"", closes=True) if is_second else reply({"ok": True})

    with Server(answer, tls) as server, keeping() as session:
        session.get(server.origin)

        assert session.get(server.origin).json() == {"ok": True}
        assert connections(server) == [1, 1, 2]


def test_a_server_that_never_answers_is_asked_no_third_time(tls):
    def answer(asked: Asked) -> Reply:
        return Reply(b"", closes=True) if server.asked[:-1] else reply({"ok": True})

    with Server(answer, tls) as server, keeping() as session:
        session.get(server.origin)
        with pytest.raises(Unreachable):
            session.get(server.origin)

        assert connections(server) == [1, 1, 2]


def test_on_a_new_connection_nothing_is_sent_twice(tls):
    with Server(Reply(b"", closes=True), tls) as server, keeping() as session:
        with pytest.raises(Unreachable):
            session.get(server.origin)

        assert connections(server) == [1]


def test_what_may_not_be_repeated_is_not():
    def answer(asked: Asked) -> Reply:
        return Reply(b"", closes=True) if server.asked[:-1] else reply({"ok": True})

    with Server(answer) as server, keeping() as session:
        session.get(server.origin)
        with pytest.raises(Unreachable):
            session.post(server.origin)

        assert connections(server) == [1, 1]


def test_an_answer_that_was_cut_off_is_not_asked_for_again():
    def answer(asked: Asked) -> Reply:
        whole = reply({"ok": True}).raw
        return Reply(whole[:-3], closes=True) if server.asked[:-1] else Reply(whole)

    with Server(answer) as server, keeping() as session:
        session.get(server.origin)
        with pytest.raises(Unreachable):
            session.get(server.origin)

        assert connections(server) == [1, 1]


def test_a_connection_with_the_rest_of_an_answer_on_it_is_not_used_again():
    def answer(asked: Asked) -> Reply:
        return reply("x" * 200_000 if asked.target == "/large" else "ok")

    with Server(answer) as server, keeping(max_bytes=1000) as session:
        with pytest.raises(TooLarge):
            session.get(f"{server.origin}/large")

        assert session.get(server.origin).text == "ok"
        assert connections(server) == [1, 2]


def test_a_closed_session_leaves_no_connection_open():
    with Server(reply("ok")) as server:
        with keeping() as session:
            session.get(server.origin)

        assert server.is_left_alone()
