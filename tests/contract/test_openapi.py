"""The API's document says what the API does: made from the code, committed, served, and true of real answers."""

import json
import re

import pytest
from django.utils import timezone
from django.utils.html import escape
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator, FormatChecker

from medblocks_connect.openapi import document
from medblocks_connect.openapi.served import FILE
from organizations.scopes import ALL_SCOPES
from patients.models import Connection, Patient
from tests.pages import audit
from tests.records.stored import resource, store
from tests.sources.catalogue import facility
from tests.webhooks.endpoints import new_endpoint
from webhooks.events import EventType
from webhooks.operations import emit
from webhooks.redelivery import send_test
from webhooks.signing import signature_headers

DOCUMENT = json.loads(FILE.read_text())
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
OF_THE_API = {name: told for name, told in OPERATIONS.items() if told[2]["security"]}
DIALECTS = [("PatientFlow", "patient-flows"), ("Session", "sessions"), ("PatientSession", "patient-sessions")]
FLOW_BODY = {"patient_id": "p-1", "return_url": "https://app.example/back"}


def responses_of(operation) -> dict:
    """By status, with what they share looked up."""
    shared = DOCUMENT["components"]["responses"]
    return {
        status: shared[response["$ref"].rsplit("/", 1)[-1]] if "$ref" in response else response
        for status, response in operation["responses"].items()
    }


def validator_of(schema) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]}, format_checker=FormatChecker())


def schemas(node, path=""):
    """Every schema in the document that describes a field or parameter, with where it is."""
    if isinstance(node, dict):
        for name, field in node.get("properties", {}).items():
            yield f"{path}.{name}", field
        for name, inner in node.items():
            if name not in ("example", "examples"):
                yield from schemas(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from schemas(inner, f"{path}/{index}")


def test_the_committed_document_is_what_the_code_says():
    assert document.as_text() == FILE.read_text(), "The API changed: run make openapi, and read the difference."


def test_the_served_document_is_the_committed_one_and_may_be_cached(client, db):
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert first.content.decode() == FILE.read_text()
    assert first.headers["Content-Type"] == "application/json"
    assert "public" in first.headers["Cache-Control"]
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_is_openapi_3_1():
    validate_schema(DOCUMENT)

    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_operation_of_the_contract_is_in_the_document():
    flows = {
        operation
        for path in ("/patient-flows", "/sessions", "/patient-sessions")
        for operation in (
            ("post", path),
            ("get", f"{path}/{{id}}"),
            ("post", f"{path}/{{id}}/expire"),
            ("get", f"/patients/{{id}}{path}"),
        )
    }
    others = {
        ("post", "/patients"),
        ("get", "/patients"),
        ("get", "/patients/{id}"),
        ("put", "/patients/{id}"),
        ("delete", "/patients/{id}"),
        ("delete", "/patients/{id}/connections/{connection_id}"),
        ("get", "/patients/{id}/records"),
        ("post", "/webhooks"),
        ("get", "/webhooks"),
        ("get", "/webhooks/{id}"),
        ("patch", "/webhooks/{id}"),
        ("delete", "/webhooks/{id}"),
        ("post", "/webhooks/{id}/rotate-secret"),
        ("get", "/webhooks/{id}/events"),
        ("post", "/webhooks/{id}/replay"),
        ("post", "/webhooks/{id}/test"),
        ("get", "/events"),
        ("get", "/events/{id}"),
        ("post", "/events/{id}/redeliver"),
        ("get", "/connections"),
        ("get", "/connections/{id}"),
        ("get", "/health"),
        ("get", "/health/ready"),
        ("get", "/metrics"),
        ("get", "/openapi.json"),
        ("get", "/docs"),
    }
    assert {(method, path) for method, path, _ in OPERATIONS.values()} >= flows | others


@pytest.mark.parametrize("name", OF_THE_API)
def test_an_operation_names_its_scope_its_headers_and_every_error(name):
    method, _, operation = OF_THE_API[name]

    [[scope]] = [requirement["apiKey"] for requirement in operation["security"]]
    assert scope in ALL_SCOPES
    assert f"`{scope}`" in operation["description"]
    parameters = [parameter.get("$ref", "").rsplit("/", 1)[-1] for parameter in operation["parameters"]]
    assert {"Version", "RequestId"} <= set(parameters)
    assert ("IdempotencyKey" in parameters) == (method == "post")
    assert {"200", "400", "401", "403", "429", "500", "503"} <= set(operation["responses"])
    for status, response in responses_of(operation).items():
        expected = {"X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
        expected |= {"Retry-After"} if status in ("429", "503") else set()
        assert expected <= set(response["headers"])


def test_every_field_and_parameter_is_described():
    undescribed = [path for path, field in schemas(DOCUMENT) if "$ref" not in field and not field.get("description")]
    # What narrows the envelope to the codes of one answer describes nothing anew.
    assert [path for path in undescribed if "/allOf/1" not in path] == []
    for _, _, operation in OPERATIONS.values():
        for parameter in operation.get("parameters", []):
            assert "$ref" in parameter or parameter["description"]


def test_objects_say_that_they_take_no_other_fields():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["additionalProperties"] is (name in ("BrandsBundle", "ReceivedEvent")), name


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_example_is_valid(name):
    _, _, operation = OPERATIONS[name]
    holders = [operation.get("requestBody", {}), *responses_of(operation).values()]
    contents = [content for holder in holders for content in holder.get("content", {}).values()]
    for content in contents:
        examples = [example["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        for example in examples:
            validator_of(content["schema"]).validate(example)


def test_every_link_leads_to_an_operation_and_its_parameters():
    for _, _, operation in OPERATIONS.values():
        for link in operation["responses"]["200"].get("links", {}).values():
            _, path, _ = OPERATIONS[link["operationId"]]
            assert set(link["parameters"]) == set(re.findall(r"{(\w+)}", path))


def test_the_limits_of_what_is_sent_are_those_of_the_contract():
    components = DOCUMENT["components"]["schemas"]
    flow, patient = components["NewFlow"], components["NewPatient"]

    assert flow["required"] == ["patient_id", "return_url"]
    assert patient["required"] == ["patient_id"]
    assert patient["properties"]["patient_id"]["maxLength"] == 200
    assert patient["properties"]["name"]["type"] == ["string", "null"]
    assert (flow["properties"]["expires_in"]["minimum"], flow["properties"]["expires_in"]["maximum"]) == (60, 86400)
    assert flow["properties"]["recommended_connection_ids"]["maxItems"] == 20
    assert flow["properties"]["return_button_label"]["maxLength"] == 60
    assert flow["properties"]["metadata"]["maxProperties"] == 50
    endpoint, rotation = components["NewEndpoint"], components["SecretRotation"]["properties"]["expire_current_in"]
    assert sorted(endpoint["required"]) == ["events", "url"]
    assert endpoint["properties"]["url"]["maxLength"] == 2000
    assert (endpoint["properties"]["events"]["minItems"], endpoint["properties"]["events"]["maxItems"]) == (1, 20)
    assert endpoint["properties"]["description"]["maxLength"] == 500
    assert (rotation["minimum"], rotation["maximum"], rotation["default"]) == (0, 86400, 0)


@pytest.fixture
def world(api, organization, names):
    """One of everything: a found source, a patient with a connection and a failed attempt, a flow, an endpoint."""
    found = facility("River Clinic", city="Denver", postal_code="80202", state="CO").sources.get()
    flow = api.post("/sessions", FLOW_BODY).json
    patient = Patient.objects.get()
    common = {"patient": patient, "source": found, "flow_id": flow["id"].removeprefix("sess_")}
    active = Connection.objects.create(
        **common, status="active", access_token="a", fhir_patient_id="chart", scopes=["patient/*.read"]
    )
    store(active, [resource("Patient", "chart"), resource("Observation", "o-1")])
    Connection.objects.create(**common, status="failed", failure_code="user_denied", failure_at=patient.created_at)
    endpoint = new_endpoint(organization)
    synced = emit(organization, "records.sync.completed", {"total": 2}, now=patient.created_at)
    return {
        "source": found.id,
        "flow": flow["id"],
        "connection": f"conn_{active.id}",
        "event": synced.public_id,
        "endpoint": endpoint.public_id,
        "delivery": endpoint.deliveries.get().public_id,
    }


def calls_of(world):
    """How each operation is called, in an order in which each finds what it needs."""
    for title, path in (
        ("PatientFlow", "patient-flows"),
        ("Session", "sessions"),
        ("PatientSession", "patient-sessions"),
    ):
        yield f"create{title}", "POST", f"/{path}", FLOW_BODY | {"metadata": {"a": [1, None]}}
        yield f"get{title}", "GET", f"/{path}/{world['flow']}", None
        yield f"list{title}sOfPatient", "GET", f"/patients/p-1/{path}?limit=1", None
        yield f"expire{title}", "POST", f"/{path}/{world['flow']}/expire", None
    yield "createPatient", "POST", "/patients", {"patient_id": "p-2", "name": None, "metadata": {"k": "v"}}
    yield "listPatients", "GET", "/patients?limit=1", None
    yield "getPatient", "GET", "/patients/p-1", None
    yield "replacePatient", "PUT", "/patients/p-1", {"patient_id": "p-1", "email": "jane@example.com"}
    yield "listSources", "GET", "/connections?limit=1", None
    yield "listSources", "GET", "/connections?q=river", None
    yield "listSources", "GET", "/connections?near=80202", None
    yield "getSource", "GET", f"/connections/{world['source']}", None
    yield "getBrands", "GET", "/directory/brands", None
    yield "listRecords", "GET", "/patients/p-1/records", None
    yield "listRecords", "GET", "/patients/p-1/records?type=Patient&since=2026-04-25T14:30:00%2B02:00&count=1", None
    yield "listEvents", "GET", "/events", None
    yield "listEvents", "GET", "/events?type=session.expired&since=2026-04-25T14:30:00Z&limit=1", None
    yield "getEvent", "GET", f"/events/{world['event']}", None
    yield "getEvent", "GET", f"/events/{world['delivery']}", None
    yield "redeliverEvent", "POST", f"/events/{world['delivery']}/redeliver", None
    yield from calls_of_webhooks(f"/webhooks/{world['endpoint']}")
    yield "disconnectConnection", "DELETE", f"/patients/p-1/connections/{world['connection']}", None
    yield "deletePatient", "DELETE", "/patients/p-1", None


def calls_of_webhooks(path):
    body = {"url": "https://hooks.example/in", "events": ["*"], "description": None, "metadata": {"a": [1, None]}}
    yield "createWebhook", "POST", "/webhooks", body
    yield "listWebhooks", "GET", "/webhooks?limit=1", None
    yield "getWebhook", "GET", path, None
    yield "rotateWebhookSecret", "POST", f"{path}/rotate-secret", None
    yield "rotateWebhookSecret", "POST", f"{path}/rotate-secret", {"expire_current_in": 60}
    yield "testWebhook", "POST", f"{path}/test", {"type": "patient.deleted"}
    yield "replayWebhook", "POST", f"{path}/replay", {"since": "2026-04-25T14:30:00Z", "include_delivered": True}
    yield "listWebhookEvents", "GET", f"{path}/events", None
    yield "listWebhookEvents", "GET", f"{path}/events?delivered=false&limit=1", None
    yield "updateWebhook", "PATCH", path, {"status": "disabled", "description": None}
    yield "deleteWebhook", "DELETE", path, None


def test_real_answers_are_as_the_document_says(api, world):
    called = set()
    for name, method, path, body in calls_of(world):
        response = api.client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {api.key}"},
        )
        content = b"".join(response) if response.streaming else response.content
        assert response.status_code == 200, (name, content)
        told = OPERATIONS[name][2]["responses"]["200"]
        (media_type, described), *_ = told["content"].items()
        assert response.headers["Content-Type"].startswith(media_type)
        assert {"X-Request-Id", "RateLimit-Limit"} <= set(response.headers)
        validator_of(described["schema"]).validate(json.loads(content))
        called.add(name)
    assert called == set(OF_THE_API)


def test_what_receivers_get_is_described_for_every_type(organization):
    assert set(DOCUMENT["webhooks"]) == {name.value for name in EventType}
    endpoint = new_endpoint(organization)
    for type_, methods in DOCUMENT["webhooks"].items():
        [(method, told)] = methods.items()
        assert method == "post"
        content = told["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == type_
        validator_of(content["schema"]).validate(content["example"])
        sent = send_test(endpoint, type_, timezone.now())
        validator_of(content["schema"]).validate(sent.content)
        signed = set(
            signature_headers(endpoint.secrets(timezone.now()), event_id="evt_x", body=b"", now=timezone.now())
        )
        assert {parameter["name"] for parameter in told["parameters"]} == signed


def test_the_page_for_people_shows_every_operation_and_asks_nobody_else(client, db):
    response = client.get("/docs")

    html = response.content.decode()
    audit(html)
    for name, (method, path, operation) in OPERATIONS.items():
        assert f'id="{name}"' in html
        assert operation["summary"] in html or "&#x27;" in html
        assert path in html
        assert method.upper() in html
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', html) == []
    assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]


def test_the_page_for_people_shows_what_endpoints_receive(client, db):
    html = client.get("/docs").content.decode()

    for type_, methods in DOCUMENT["webhooks"].items():
        request = methods["post"]
        assert f'<h3 id="{request["operationId"]}"><code class="mc-wrap">{type_}</code></h3>' in html
        assert escape(request["description"].split("\n\n")[0]) in html
        example = request["requestBody"]["content"]["application/json"]["example"]
        assert escape(json.dumps(example, ensure_ascii=False, indent=2)) in html
    for name in ("Medblocks-Signature", "webhook-id", "Nobody is here any more"):
        assert name in html


def test_the_page_shows_how_to_call_with_curl(client, db):
    html = client.get("/docs").content.decode()

    assert "curl http://testserver/patient-flows" in html
    assert "Authorization: Bearer $API_KEY" in html


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_document_and_its_page_can_only_be_read(client, db, path):
    answer = client.post(path)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert answer.json()["error"]["code"] == "method_not_allowed"
