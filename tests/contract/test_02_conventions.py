"""Contract §2 and §3: keys, versions, bodies, request ids and the error envelope."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from common.logs import JsonFormatter
from organizations.models import ApiKey
from organizations.operations import create_api_key
from tests.api_client import Api
from tests.conftest import api_of

BODY = {"patient_id": "p-1", "return_url": "https://app.example/back"}


def test_a_request_without_a_key_is_told_how_to_send_one(db):
    for header in ({}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}):
        answer = Api().get("/patients", **header)
        assert answer.problem == (401, "missing_api_key", None)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("key", ["mb_sk_sbx_wrong", "ü", "x" * 5000, "\x7f"])
def test_an_unknown_key_is_refused(db, key):
    assert Api().get("/patients", Authorization=f"Bearer {key}").problem == (401, "invalid_api_key", None)


def test_a_revoked_and_an_expired_key_are_refused(organization):
    api = api_of(organization)
    ApiKey.objects.update(revoked_at=timezone.now())
    assert api.get("/patients").problem == (401, "invalid_api_key", None)

    expired = api_of(organization, expires_at=timezone.now() - timedelta(seconds=1))
    assert expired.get("/patients").problem == (401, "expired_api_key", None)


def test_only_a_digest_of_the_key_is_kept(organization):
    key, secret = create_api_key(organization=organization, name="k")

    assert secret.startswith("mb_sk_sbx_")
    assert secret not in repr(ApiKey.objects.values().get()) + repr(key) + str(key)
    assert secret.startswith(key.prefix)
    assert len(key.prefix) < 20


def test_production_keys_say_so(production_organization):
    assert create_api_key(organization=production_organization, name="k")[1].startswith("mb_sk_live_")


def test_the_last_use_is_noted_at_most_once_a_minute(api):
    api.get("/patients")
    first = ApiKey.objects.get().last_used_at
    api.get("/patients")
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))

    api.get("/patients")

    assert ApiKey.objects.get().last_used_at > first


def test_every_response_has_a_request_id_and_a_well_formed_one_is_kept(api):
    own = str(uuid.uuid4())

    assert api.get("/patients", X_Request_Id=own).headers["X-Request-Id"] == own
    for odd in ("nonsense", "x" * 300, own[:-1], ""):
        given = api.get("/patients", X_Request_Id=odd).headers["X-Request-Id"]
        assert given != odd
        assert uuid.UUID(given)


def test_the_version_header_is_optional_and_unknown_versions_are_refused(api):
    assert api.get("/patients", Version="2026-04-25").status == 200
    for odd in ("tomorrow", "2026-04-26", ""):
        assert api.get("/patients", Version=odd).problem == (400, "unsupported_api_version", None)


BAD_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"7",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"patient_id": "a", "patient_id": "b"}',
    b'{"patient_id": NaN}',
    b'{"patient_id": 1e999}',
    b'{"patient_id": Infinity}',
    b'{"metadata": {"a": "\\u0000"}, "patient_id": "p"}',
    b'{"metadata": {"a": "\\ud800"}, "patient_id": "p"}',
    b'{"metadata": {"\\u0000": 1}, "patient_id": "p"}',
    b'{"metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
    b"[" * 100_000,
    b'{"metadata": {"n": 1' + b"0" * 5000 + b"}}",
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body)[:30])
@pytest.mark.parametrize("path", ["/patients", "/sessions"])
def test_bodies_that_are_not_good_json_are_refused(api, path, body):
    status, code, _ = api.send(path, body).problem

    assert (status, code) == (400, "invalid_request" if path == "/patients" else "bad_request")


def test_a_body_over_256_kb_is_too_large(api):
    for size in (256 * 1024 + 1, 3_000_000):
        answer = api.send("/sessions", b'{"metadata": "' + b"x" * size + b'"}')
        assert answer.problem == (413, "payload_too_large", None)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_refused(api, content_type):
    assert api.send("/sessions", b"{}", content_type=content_type).problem == (415, "unsupported_media_type", None)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/json;charset=UTF-8"])
def test_a_content_type_may_name_its_charset(api, content_type):
    assert api.send("/sessions", b"{}", content_type=content_type).problem[2] == "patient_id"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/sessions", "/patients", "/sessions/sess_x"])
def test_other_methods_are_refused_in_the_envelope(api, method, path):
    answer = api.request(method, path)

    assert answer.problem[:2] == (405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/nothing", "/patients/", "/sessions/", "/patient-flows/x/y", "/%00", "/ü"])
def test_paths_that_do_not_exist_answer_in_the_envelope(api, path):
    assert api.get(path).problem[0] == 404


def test_a_database_that_is_away_is_503_with_retry_after(api, monkeypatch):
    from django.db import OperationalError

    def away(*args, **kwargs):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("patients.views.filtered", away)

    answer = api.get("/patients")

    assert answer.problem == (503, "service_unavailable", None)
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_bug_of_ours_is_500_in_the_envelope_and_says_nothing_of_itself(api, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("the secret detail")

    monkeypatch.setattr("patients.views.filtered", broken)

    answer = api.get("/patients")

    assert answer.problem == (500, "internal_error", None)
    assert "secret detail" not in answer.error["message"]


def test_every_error_code_has_its_page(client, db):
    from common.error_pages import ERRORS

    for code in ERRORS:
        page = client.get(f"/errors/{code}")
        assert page.status_code == 200
        assert code in page.content.decode()
    assert client.get("/errors/nonsense").status_code == 404


def test_every_code_that_is_raised_anywhere_has_a_page():
    import re

    from common.error_pages import ERRORS
    from tests.layers import ROOT

    apps = ("common", "organizations", "sources", "patients", "flows", "picker")
    text = "".join(file.read_text() for app in apps for file in (ROOT / app).glob("*.py"))
    assert set(re.findall(r'raise \w+\([^)]*\bcode="(\w+)"', text)) <= set(ERRORS)


def test_health_needs_no_key(client):
    answer = client.get("/health").json()

    assert answer["ok"] is True
    assert answer["server_time"].endswith("Z")


def test_api_answers_are_never_cached_and_open_to_no_other_site(api):
    answer = api.get("/patients")

    assert "no-store" in answer.headers["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("accept", ["text/html", "*", "garbage", "application/fhir+ndjson", "application/xml;q=0.9"])
def test_the_answer_is_json_whatever_is_asked_for(api, accept):
    answer = api.get("/patients", Accept=accept)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/patients/nobody?x=1", "/sessions/sess_x?x=1", "/connections/fhirsrc_x?x=1"])
def test_paths_without_query_parameters_refuse_them(api, path):
    assert api.get(path).problem[0::2] == (400, "x")


def test_health_takes_only_get_and_answers_under_any_host(client):
    assert client.post("/health").json()["error"]["code"] == "method_not_allowed"
    assert client.get("/health", headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_paths_never_reach_the_logs(api, client, caplog):
    token = "0123456789abcdef0123456789abcdef"
    for path in (f"/c/{token}", f"/c/%20{token}", f"/c//{token}", f"/C/{token}", f"/c/{token[:-1]}", f'/c/"{token}"'):
        client.get(path)
    api.get("/patients/jane.doe%40example.com")
    api.get(f"/nothing/{token}")

    logged = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert "Not Found" in logged
    assert token[:-1] not in logged
    assert "jane.doe" not in logged


@pytest.mark.parametrize(
    "path",
    ["/branding/%00/x/accent.css", "/admin/patients/patient/%00/change/", "/admin/patients/patient/?x__exact=%00"],
)
def test_a_nul_in_an_address_is_never_a_failure_of_ours(client, db, path):
    assert client.get(path).status_code in (302, 400, 404)
