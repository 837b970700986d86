"""A body without a length is read like any other (RFC 9112 7.1)."""

import io
import json

import pytest

from medblocks_connect.wsgi import application

# The application closes database connections between requests, as in production.
pytestmark = pytest.mark.django_db(transaction=True)


def post_chunked(api, body: bytes) -> tuple[str, dict]:
    """POST to /patients through the application that the web server calls."""
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/patients",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": f"Bearer {api.key}",
        "CONTENT_TYPE": "application/json",
    }
    parts = application(environ, lambda status, headers, *rest: answered.append(status))
    return answered[0], json.loads(b"".join(parts))


def test_a_chunked_body_is_read(api):
    status, answer = post_chunked(api, b'{"patient_id": "p-1"}')

    assert status == "200 OK"
    assert answer["id"] == "p-1"


def test_a_chunked_body_that_is_too_large_is_refused(api):
    status, answer = post_chunked(api, b'{"patient_id": "' + b"x" * 300_000 + b'"}')

    assert status.startswith("413")
    assert answer["error"]["code"] == "payload_too_large"
