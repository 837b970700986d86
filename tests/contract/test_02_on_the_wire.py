"""Contract §2 as the deployed web server delivers it: what no test client can send is sent byte by byte."""

import json
import socket
from contextlib import ExitStack

import pytest
from django.db import connection

from organizations.models import Organization
from organizations.operations import create_api_key, create_organization
from patients.models import Patient
from tests.contract.wire import Wire, read_answer, served

# The server reads what the test wrote, from connections of its own.
pytestmark = pytest.mark.django_db(transaction=True)

JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def wire(tmp_path_factory, django_db_setup):
    with served(tmp_path_factory.mktemp("wire")) as wire:
        yield wire


@pytest.fixture
def key(transactional_db) -> str:
    organization: Organization = create_organization(name="Bluebird Health", environment="sandbox")
    return create_api_key(organization=organization, name="test")[1]


def bearer(key: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {key}"


def problem(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str, str | None]:
    """Status, code and field. Checks what every error has on the way."""
    status, headers, body = answer
    error = json.loads(body)["error"]
    assert list(error) == ["type", "code", "message", "param", "doc_url", "request_id"]
    assert error["request_id"] == headers["x-request-id"]
    assert int(headers["ratelimit-limit"]) >= int(headers["ratelimit-remaining"]) >= 0
    return status, error["code"], error["param"]


def post(wire: Wire, key: str, body: bytes, *headers: tuple[str, str]):
    return wire.request(
        "POST /patients HTTP/1.1", [bearer(key), JSON, ("Content-Length", str(len(body))), *headers], body
    )


def chunked_head(key: str) -> bytes:
    return (
        "POST /patients HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("order", ["the same", "a wrong one first", "a wrong one last"])
def test_two_authorization_headers_are_refused(wire, key, order):
    wrong = bearer("mb_sk_sbx_wrong")
    both = {"the same": [bearer(key)] * 2, "a wrong one first": [wrong, bearer(key)]}.get(order, [bearer(key), wrong])

    answer = wire.request("GET /patients HTTP/1.1", both)

    assert problem(answer) == (401, "invalid_api_key", None)
    assert b"one Authorization header" in answer[2]


def test_spaces_after_a_key_are_not_part_of_it(wire, key):
    assert wire.request("GET /patients HTTP/1.1", [bearer(f"{key}  \t ")])[0] == 200


@pytest.mark.parametrize("value", ["Bearer \xfc", "B\xe4rer x", "\xff\xfe", "Bearer " + "x" * 50_000])
def test_an_odd_authorization_header_is_401(wire, key, value):
    assert problem(wire.request("GET /patients HTTP/1.1", [("Authorization", value)]))[0] == 401


@pytest.mark.parametrize("keys", [("a", "b"), ("a", "a"), ("\xfc",), ("",)])
def test_an_idempotency_key_that_is_repeated_empty_or_not_ascii_is_400(wire, key, keys):
    answer = post(wire, key, b'{"patient_id": "p"}', *[("Idempotency-Key", value) for value in keys])

    assert problem(answer) == (400, "invalid_request", "Idempotency-Key")
    assert not Patient.objects.exists()


def test_a_repeated_version_is_400(wire, key):
    version = ("Version", "2026-04-25")

    answer = wire.request("GET /patients HTTP/1.1", [bearer(key), version, version])

    assert problem(answer) == (400, "unsupported_api_version", None)


def test_a_repeated_request_id_is_replaced(wire, key):
    own = ("X-Request-Id", "b6f6b4a5-8c3e-4b7f-9a3d-0d9f1f1b2c3d")

    status, headers, _ = wire.request("GET /patients HTTP/1.1", [bearer(key), own, own])

    assert status == 200
    assert "," not in headers["x-request-id"]


@pytest.mark.parametrize(
    "headers", [[(f"X-Flood-{number}", "v") for number in range(5000)], [("X-Flood", "v" * 1_000_000)]]
)
def test_a_flood_of_headers_is_refused_by_the_web_server(wire, key, headers):
    assert wire.request("GET /patients HTTP/1.1", [bearer(key), *headers])[0] == 431


@pytest.mark.parametrize("lengths", [["-5"], ["2", "3"], ["x"]])
def test_a_content_length_that_is_none_is_refused(wire, key, lengths):
    fields = [("Content-Length", length) for length in lengths]

    assert wire.request("POST /patients HTTP/1.1", [bearer(key), JSON, *fields], b"{}")[0] == 400


@pytest.mark.parametrize("megabytes", [1, 10])
def test_a_body_of_megabytes_is_413_and_the_client_lives_to_see_it(wire, key, megabytes):
    answer = post(wire, key, b'{"patient_id": "' + b"x" * megabytes * 1_000_000 + b'"}')

    assert problem(answer) == (413, "payload_too_large", None)


def test_a_chunked_body_is_read(wire, key):
    head, body = chunked_head(key), chunk(b'{"patient_') + chunk(b'id": "p"}') + chunk(b"")

    assert wire.send(head, body)[0] == 200
    assert Patient.objects.count() == 1


def test_a_chunked_body_without_end_is_413(wire, key):
    with wire.connect() as endless:
        endless.sendall(chunked_head(key))
        for _ in range(80):
            endless.sendall(chunk(b"x" * 4096))

        assert problem(read_answer(endless)) == (413, "payload_too_large", None)


@pytest.mark.parametrize("rest", [b"zz\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}"])
def test_broken_chunks_are_400(wire, key, rest):
    assert wire.send(chunked_head(key), rest)[0] == 400
    assert not Patient.objects.exists()


@pytest.mark.parametrize("body", [b'{"patient_id": "p"', b'{"patient_id": "p"}', b""])
def test_a_body_that_ends_early_makes_nothing(wire, key, body):
    head = chunked_head(key).replace(b"Transfer-Encoding: chunked", b"Content-Length: 500")
    with wire.connect() as half:
        half.sendall(head + body)
        half.shutdown(socket.SHUT_WR)

        assert problem(read_answer(half))[0] == 400
    assert not Patient.objects.exists()


def test_head_is_get_without_the_body(wire, key):
    status, headers, body = wire.request("HEAD /patients HTTP/1.1", [bearer(key)])

    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO"])
def test_other_methods_are_405_in_the_envelope_and_trace_echoes_nothing(wire, key, method):
    answer = wire.request(f"{method} /patients HTTP/1.1", [bearer(key), ("X-Echo", "echoed")])

    assert problem(answer) == (405, "method_not_allowed", None)
    assert answer[1]["allow"] == "GET, HEAD, POST"
    assert b"echoed" not in answer[2]


@pytest.mark.parametrize(
    "path", ["//patients", "/patients/", "/sessions//", "/./patients", "/patients/../patients", "/PATIENTS", "*"]
)
def test_paths_are_taken_as_they_are_written(wire, key, path):
    assert problem(wire.request(f"GET {path} HTTP/1.1", [bearer(key)]))[0] == 404


@pytest.mark.parametrize("path", ["/patients/%00", "/patients/%ff%fe", "/patients/%ed%a0%80", "/sessions/%00", "/%00"])
def test_paths_that_are_no_text_are_404(wire, key, path):
    assert problem(wire.request(f"GET {path} HTTP/1.1", [bearer(key)]))[0] == 404


@pytest.mark.parametrize("query", ["limit=%00", "%00=1", "email=%ff", "email=%ed%a0%80", "a=1&" * 2000, "&&&=&"])
def test_queries_that_are_no_text_are_400_or_find_nothing(wire, key, query):
    status, _, body = wire.request(f"GET /patients?{query} HTTP/1.1", [bearer(key)])

    assert status == 400 or json.loads(body)["data"] == []


def test_who_sends_slowly_holds_no_connection_to_the_database(wire, key):
    """Else as many as the pool has connections would stop everybody else."""
    head = chunked_head(key).replace(b"Transfer-Encoding: chunked", b"Content-Length: 1000")
    wire.request("GET /patients HTTP/1.1", [bearer(key)])
    before = sessions()
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(wire.connect()).sendall(head + b"{")
        statuses = [wire.request("GET /patients HTTP/1.1", [bearer(key)])[0] for _ in range(5)]

        assert statuses == [200] * 5
        assert sessions() - before < 10


def sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]
