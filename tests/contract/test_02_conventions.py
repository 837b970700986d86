"""Contract §2: conventions of every operation. Versions, idempotency, rate limits, bodies, lists and the wire are
in the modules beside this one."""

import json
import re
import uuid
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
import time_machine
from django.db import InternalError, connection
from django.test import Client
from django.utils import timezone

from common.logs import JsonFormatter
from flows.models import PatientFlow
from organizations.models import ApiKey
from organizations.operations import create_api_key
from organizations.scopes import ALL_SCOPES
from patients.models import Connection, ConnectionStatus, Patient
from sources.base_urls import source_id
from sources.models import Source
from sources.operations import add_source
from tests.api_client import Answer, Api
from tests.conftest import api_of
from tests.contract.routes import Operation, operations
from tests.webhooks.endpoints import new_endpoint
from webhooks.models import Endpoint
from webhooks.operations import emit

FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


# --- Addresses and keys ---


def test_there_is_no_path_prefix_and_no_cors(api):
    answer = api.get("/patients", Origin="https://app.example")

    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert api.get("/v1/patients").status == api.get("/api/patients").status == 404


def test_answers_are_never_cached(api):
    assert "no-store" in api.get("/patients").headers["Cache-Control"]
    assert "no-store" in api.get("/nothing").headers["Cache-Control"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"},
                                    {"Authorization": "Bearer "}, {"Authorization": "mb_sk_sbx_x"}])  # fmt: skip
def test_a_request_without_a_key_is_told_how_to_send_one(db, header):
    answer = Api().get("/patients", **header)

    assert answer.problem == (401, "missing_api_key", None)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_operation_needs_a_key(db, operation: Operation):
    assert ask(Api(), operation).problem == (401, "missing_api_key", None)


@pytest.mark.parametrize("key", ["mb_sk_sbx_wrong", "\u00fc", "x" * 5000, "\x7f", "a b", "a,b"])
def test_an_unknown_key_is_refused(db, key):
    assert Api().get("/patients", Authorization=f"Bearer {key}").problem == (401, "invalid_api_key", None)


def test_the_scheme_is_bearer_in_any_spelling_and_spaces_around_the_key_do_not_count(api):
    for value in (f"bearer {api.key}", f"BEARER {api.key}", f" Bearer   {api.key} \t"):
        assert Api().get("/patients", Authorization=value).status == 200


def test_a_revoked_and_an_expired_key_are_refused(organization):
    api = api_of(organization)
    ApiKey.objects.update(revoked_at=timezone.now())
    assert api.get("/patients").problem == (401, "invalid_api_key", None)

    expired = api_of(organization)
    ApiKey.objects.filter(revoked_at=None).update(expires_at=timezone.now())
    assert expired.get("/patients").problem == (401, "expired_api_key", None)


def test_a_key_is_good_up_to_the_moment_at_which_it_expires(organization):
    end = timezone.now() + timedelta(days=1)
    api = api_of(organization, expires_at=end)

    with time_machine.travel(end - timedelta(milliseconds=1), tick=False):
        assert api.get("/patients").status == 200
    with time_machine.travel(end, tick=False):
        assert api.get("/patients").problem == (401, "expired_api_key", None)


def test_keys_say_their_environment_and_only_a_digest_is_kept(organization, production_organization):
    key, secret = create_api_key(organization=organization, name="k")

    assert secret.startswith("mb_sk_sbx_")
    assert create_api_key(organization=production_organization, name="k")[1].startswith("mb_sk_live_")
    assert secret not in repr(list(ApiKey.objects.values())) + repr(key) + str(key)
    assert secret.startswith(key.prefix)
    assert len(key.prefix) < 20


def test_the_last_use_is_noted_at_most_once_a_minute(api):
    api.get("/patients")
    first = ApiKey.objects.get().last_used_at
    api.get("/patients")
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))

    api.get("/patients")

    assert ApiKey.objects.get().last_used_at > first


# --- Scopes ---

SCOPES = {
    "GET /patients": "patients:read",
    "POST /patients": "patients:write",
    "GET /patients/{reference}": "patients:read",
    "PUT /patients/{reference}": "patients:write",
    "DELETE /patients/{reference}": "patients:write",
    "DELETE /patients/{reference}/connections/{connection_id}": "patients:write",
    "GET /patients/{reference}/records": "fhir:read",
    "GET /connections": "connections:read",
    "GET /connections/{reference}": "connections:read",
    "GET /directory/brands": "connections:read",
    "GET /webhooks": "webhooks:read",
    "POST /webhooks": "webhooks:write",
    "GET /webhooks/{endpoint_id}": "webhooks:read",
    "PATCH /webhooks/{endpoint_id}": "webhooks:write",
    "DELETE /webhooks/{endpoint_id}": "webhooks:write",
    "POST /webhooks/{endpoint_id}/rotate-secret": "webhooks:write",
    "GET /webhooks/{endpoint_id}/events": "webhooks:read",
    "POST /webhooks/{endpoint_id}/replay": "webhooks:write",
    "POST /webhooks/{endpoint_id}/test": "webhooks:write",
    "GET /events": "webhooks:read",
    "GET /events/{event_id}": "webhooks:read",
    "POST /events/{event_id}/redeliver": "webhooks:write",
} | {
    f"{method} {path}": scope
    for dialect in ("patient-flows", "sessions", "patient-sessions")
    for method, path, scope in (
        ("POST", f"/{dialect}", "patient_sessions:write"),
        ("GET", f"/{dialect}/{{public_id}}", "patient_sessions:read"),
        ("POST", f"/{dialect}/{{public_id}}/expire", "patient_sessions:write"),
        ("GET", f"/patients/{{reference}}/{dialect}", "patient_sessions:read"),
    )
}


def ask(api: Api, operation: Operation) -> Answer:
    """Some request of this operation, of which only the answer to the key matters."""
    return Answer(call(api.key, operation.method, example_path(operation), {}))


def example_path(operation: Operation) -> str:
    """Its path, with names that nobody has."""
    return re.sub(r"\{\w+\}", "x", operation.route)


def call(key: str | None, method: str, path: str, body: dict):
    """GET has no body, the others have this one."""
    sent = {} if method == "GET" else {"data": json.dumps(body), "content_type": "application/json"}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Client().generic(method, path, headers=headers, **sent)


def test_the_operations_are_those_of_the_contract():
    assert {str(operation) for operation in operations()} == set(SCOPES)


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_each_operation_needs_exactly_its_scope(organization, operation: Operation):
    needed = SCOPES[str(operation)]
    others = [scope for scope in ALL_SCOPES if scope != needed]

    refused = ask(api_of(organization, scopes=others), operation)

    assert refused.problem == (403, "insufficient_scope", None)
    assert needed in refused.error["message"]
    allowed = api_of(organization, scopes=[needed]).key
    with closing(call(allowed, operation.method, example_path(operation), {})) as answer:
        assert answer.status_code in (200, 400, 404)


# --- Workspaces ---


@pytest.fixture
def belongings(organization, api) -> dict[str, str]:
    """What a workspace has, by the names that paths use."""
    flow = api.post("/patient-flows", FLOW).json["id"]
    endpoint = new_endpoint(organization, "patient.deleted")
    url = "https://own.example/r4"
    source = Source.objects.create(
        id=source_id(url), name="Own", fhir_base_url=url, environment="sandbox", organization=organization
    )
    connected = Connection.objects.create(
        patient=Patient.objects.get(), source=source, status=ConnectionStatus.ACTIVE, flow_id=flow[3:],
        access_token="a", fhir_patient_id="f",
    )  # fmt: skip
    return {
        "public_id": flow,
        "patient": "p-1",
        "source": source.id,
        "connection_id": f"conn_{connected.id}",
        "event_id": emit(organization, "session.expired", {}, now=timezone.now()).public_id,
        "endpoint_id": endpoint.public_id,
    }


OBJECT_OPERATIONS = [operation for operation in operations() if "{" in operation.route]


@pytest.mark.parametrize("operation", OBJECT_OPERATIONS, ids=str)
def test_objects_of_another_workspace_are_404(api_of_other, belongings, operation: Operation):
    """And what comes back is the same as for an object that nobody has."""
    kind = "source" if operation.route.startswith("/connections") else "patient"
    path = operation.route.format(**belongings | {"reference": belongings[kind]})
    is_put = operation.method == "PUT"

    theirs = Answer(call(api_of_other.key, operation.method, path, {"patient_id": "p-1"} if is_put else {}))
    nobodys = Answer(
        call(api_of_other.key, operation.method, example_path(operation), {"patient_id": "x"} if is_put else {})
    )

    assert theirs.problem == nobodys.problem
    assert theirs.status == 404
    assert Patient.objects.count() == Connection.objects.count() == 1
    assert PatientFlow.objects.filter(status="open").count() == 1
    assert Connection.objects.get().status == ConnectionStatus.ACTIVE
    assert Endpoint.objects.get().updated_at == Endpoint.objects.get().created_at


def test_a_sandbox_workspace_sees_only_sandbox_sources_and_a_production_one_none_of_them(api, production_organization):
    sandbox = add_source(name="Pretend", fhir_base_url="https://pretend.example/r4", environment="sandbox")
    real = add_source(name="Real", fhir_base_url="https://real.example/r4", environment="production")
    production = api_of(production_organization)

    assert [source["id"] for source in api.get("/connections").json["data"]] == [sandbox.id]
    assert [source["id"] for source in production.get("/connections").json["data"]] == [real.id]
    assert api.get(f"/connections/{real.id}").status == production.get(f"/connections/{sandbox.id}").status == 404
    for asker, source in ((api, real), (production, sandbox)):
        assert asker.post("/sessions", FLOW | {"connection_id": source.id}).problem[:1] == (404,)


# --- Request ids ---


def test_a_well_formed_request_id_is_kept_on_the_response_in_the_error_and_in_the_logs(api, caplog):
    own = str(uuid.uuid4())
    lines: list[str] = []
    caplog.handler.setFormatter(JsonFormatter())

    good, bad = api.get("/patients", X_Request_Id=own), api.get("/patients?x=1", X_Request_Id=own.upper())

    lines = [json.loads(line) for line in caplog.text.splitlines() if line.startswith("{")]
    assert good.headers["X-Request-Id"] == own
    assert bad.headers["X-Request-Id"] == bad.error["request_id"] == own.upper()
    assert {line["request_id"] for line in lines} == {own, own.upper()}


@pytest.mark.parametrize("odd", ["nonsense", "x" * 300, "", "{}", "0" * 32, "\u00fc", str(uuid.UUID(int=5))[:-1]])
def test_another_request_id_is_replaced_by_a_new_one(api, odd):
    given = [api.get(path, X_Request_Id=odd).headers["X-Request-Id"] for path in ("/patients", "/nothing")]

    assert odd not in given
    assert len({uuid.UUID(each) for each in given}) == 2


def test_every_response_has_a_request_id(api, client):
    for response in (client.get("/health"), client.get("/"), client.post("/health"), api.get("/nothing").response):
        assert uuid.UUID(response.headers["X-Request-Id"])


# --- Shapes ---


def test_creation_answers_200(api):
    assert api.post("/patients", {"patient_id": "p-1"}).status == 200
    assert api.post("/sessions", FLOW).status == 200


def test_timestamps_are_iso_8601_with_milliseconds_and_z(api):
    flow = api.post("/sessions", FLOW).json
    patient = api.get("/patients/p-1").json

    for moment in (flow["created_at"], flow["expires_at"], patient["created_at"]):
        assert TIMESTAMP.fullmatch(moment)


def test_documented_fields_are_always_present_null_and_not_absent(api):
    assert api.post("/patients", {"patient_id": "p-2"}).json.keys() == {
        "id", "resource_type", "email", "name", "metadata", "created_at",
    }  # fmt: skip
    assert api.post("/sessions", FLOW).json.keys() == {
        "id", "resource_type", "status", "url", "patient_id", "connection_id", "recommended_connection_ids",
        "return_url", "return_button_label", "connections", "expires_at", "metadata", "created_at",
    }  # fmt: skip


@pytest.mark.parametrize("accept", ["text/html", "*", "garbage", "application/fhir+ndjson", "application/xml;q=0.9"])
def test_the_answer_is_json_whatever_is_asked_for(api, accept):
    answer = api.get("/patients", Accept=accept)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


# --- Unknown names ---


@pytest.mark.parametrize("operation", [each for each in operations() if each.method == "GET"], ids=str)
@pytest.mark.parametrize("name", ["page", "patientId", "limit[]", "LIMIT", "Limit ", "x.y", "\u00fc"])
def test_unknown_query_parameters_are_refused_and_named(api, operation: Operation, name):
    status, _, param = api.get(example_path(operation), {name: "1"}).problem

    # An object that does not exist may be what is said first.
    assert (status, param) == (400, name) or (status == 404 and "{" in operation.route and operation.view.takes_query)


@pytest.mark.parametrize("path", ["/patients", "/sessions"])
def test_a_post_takes_no_query_parameters(api, path):
    assert api.post(f"{path}?patient_id=p-1", FLOW).problem[0::2] == (400, "patient_id")
    assert not Patient.objects.exists()


@pytest.mark.parametrize("name", ["patientId", "Patient_id", "patient_id ", " patient_id", "", "id", "a.b", "\u00fc"])
@pytest.mark.parametrize("path", ["/patients", "/sessions"])
def test_unknown_body_fields_are_refused_and_named(api, path, name):
    body = ({"patient_id": "p-1"} if path == "/patients" else FLOW) | {name: "x"}

    answer = api.post(path, body)

    assert answer.status == 400
    assert answer.error["param"] == (name or None)
    assert not Patient.objects.exists()


def test_a_nested_field_is_named_with_dots(api):
    body = FLOW | {"recommended_connection_ids": ["fhirsrc_" + "a" * 24, 7]}

    assert api.post("/sessions", body).problem == (400, "bad_request", "recommended_connection_ids.1")
    nested = b'{"patient_id": "p", "metadata": {"a": {"b": ["\\u0000"]}}}'
    assert api.send("/patients", nested).problem == (400, "invalid_request", "metadata.a.b.0")


# --- Paths and methods ---


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/sessions", "/patients", "/sessions/sess_x"])
def test_other_methods_are_405_in_the_envelope_and_say_which_are_allowed(api, method, path):
    answer = api.request(method, path)

    assert answer.problem == (405, "method_not_allowed", None)
    assert set(answer.headers["Allow"].split(", ")) <= {"GET", "HEAD", "POST"}


def test_head_is_get_without_a_body(api):
    answer = api.client.head("/patients", headers={"Authorization": f"Bearer {api.key}"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert api.client.head("/sessions").status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/patients/", "/sessions/", "/patient-flows/x/y", "/sessions//", "/%00", "/\u00fc"],
)
def test_paths_that_do_not_exist_answer_in_the_envelope(api, path):
    assert api.get(path).problem[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/branding/%00/x/accent.css", "/admin/patients/patient/%00/change/", "/admin/patients/patient/?x__exact=%00"],
)
def test_a_nul_in_an_address_is_never_a_failure_of_ours(client, db, path):
    assert client.get(path).status_code in (302, 400, 404)


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


# --- Faults of ours ---

TEMPORARY = {
    "the server is away": psycopg.OperationalError("server closed the connection"),
    "no connection in the pool": psycopg.OperationalError("couldn't get a connection after 10.00 sec"),
    "a deadlock": psycopg.errors.DeadlockDetected("deadlock detected"),
    "not serializable": psycopg.errors.SerializationFailure("could not serialize access"),
    "a lock timeout": psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
    "a statement timeout": psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
    "too many connections": psycopg.errors.TooManyConnections("sorry, too many clients already"),
    "shutting down": psycopg.errors.AdminShutdown("terminating connection"),
    "starting up": psycopg.errors.CannotConnectNow("the database system is starting up"),
    "a full disk": psycopg.errors.DiskFull("could not extend file"),
    "a standby after a failover": psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"),
}


@pytest.fixture(params=TEMPORARY)
def failing(request):
    """As Django hands them over: each of psycopg's exceptions becomes the one of Django that it derives from."""

    def fail(*args, **kwargs):
        with connection.wrap_database_errors:
            raise TEMPORARY[request.param]

    return fail


def test_a_temporary_fault_is_503_with_retry_after_and_never_500(api, monkeypatch, failing):
    monkeypatch.setattr("patients.views.parse_query", failing)

    answer = api.get("/patients")

    assert answer.problem == (503, "service_unavailable", None)
    assert int(answer.headers["Retry-After"]) >= 1


def test_so_it_is_on_the_patients_pages(client, db, monkeypatch, failing):
    client.raise_request_exception = False
    monkeypatch.setattr("flows.links.is_token", failing)

    response = client.get("/c/" + "0" * 32)

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert "text/html" in response.headers["Content-Type"]


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_nobody_gives_back_is_503(api):
    """The real thing: PostgreSQL gives up waiting."""
    known = connection.get_connection_params()
    names = {name: known[name] for name in ("dbname", "user", "password", "host", "port") if known.get(name)}
    with psycopg.connect(**names) as holder:
        holder.execute("LOCK TABLE patients_patient IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        answer = api.get("/patients")
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")

    assert answer.problem == (503, "service_unavailable", None)


def test_another_internal_error_of_the_database_is_a_bug_and_500(api, monkeypatch):
    def failing(*args, **kwargs):
        raise InternalError("current transaction is aborted")

    monkeypatch.setattr("patients.views.parse_query", failing)

    assert api.get("/patients").problem == (500, "internal_error", None)


def test_a_database_that_cannot_be_reached_is_503_and_health_still_answers(client, settings, monkeypatch):
    def away(*args, **kwargs):
        with connection.wrap_database_errors:
            psycopg.connect(host="127.0.0.1", port=1, connect_timeout=2)

    monkeypatch.setattr(connection, "ensure_connection", away)

    answer = Api("mb_sk_sbx_x").get("/patients")

    assert answer.problem == (503, "service_unavailable", None)
    assert client.get("/health").status_code == 200


def test_a_bug_of_ours_is_500_in_the_envelope_and_says_nothing_of_itself(api, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("the secret detail")

    monkeypatch.setattr("patients.views.parse_query", broken)

    answer = api.get("/patients")

    assert answer.problem == (500, "internal_error", None)
    assert "secret detail" not in answer.response.content.decode()
