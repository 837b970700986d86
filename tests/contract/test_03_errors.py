"""Contract §3: one envelope for every error, one code for each cause, one page for each code."""

import json
import re
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone

from common import errors, rates
from common.error_examples import EXAMPLES, KEY
from common.error_pages import ERRORS
from common.parsers import MAX_BODY_BYTES
from common.rates import Rate
from organizations.models import ApiKey
from tests.api_client import Answer, Api
from tests.conftest import api_of
from tests.layers import ROOT
from tests.pages import audit
from tests.webhooks.endpoints import new_endpoint

# The table of contract §3.
TYPES = {
    "bad_request": (400, "invalid_request_error"),
    "invalid_request": (400, "invalid_request_error"),
    "unsupported_api_version": (400, "invalid_request_error"),
    "oauth_state_expired": (400, "invalid_request_error"),
    "missing_api_key": (401, "authentication_error"),
    "invalid_api_key": (401, "authentication_error"),
    "expired_api_key": (401, "authentication_error"),
    "insufficient_scope": (403, "permission_error"),
    "forbidden": (403, "permission_error"),
    "resource_not_found": (404, "not_found_error"),
    "not_found": (404, "not_found_error"),
    "method_not_allowed": (405, "invalid_request_error"),
    "external_id_already_exists": (409, "conflict_error"),
    "resource_conflict": (409, "conflict_error"),
    "payload_too_large": (413, "invalid_request_error"),
    "unsupported_media_type": (415, "invalid_request_error"),
    "throttled": (429, "rate_limit_error"),
    "quota_exceeded": (429, "rate_limit_error"),
    "internal_error": (500, "api_error"),
    "fhir_error": (502, "ehr_error"),
    "oauth_error": (502, "ehr_error"),
    "token_exchange_failed": (502, "ehr_error"),
    "token_unavailable": (502, "ehr_error"),
    "service_unavailable": (503, "api_error"),
}


def tree(error: type[errors.ProductError] = errors.ProductError) -> list[type[errors.ProductError]]:
    return [error, *(below for child in error.__subclasses__() for below in tree(child))]


def failing(exception):
    def fail(*args, **kwargs):
        raise exception

    return fail


def test_the_codes_are_those_of_the_contract_with_their_status_and_type():
    assert {code: (page.status, page.type) for code, page in ERRORS.items()} == TYPES


@pytest.mark.parametrize("error", tree(), ids=lambda error: error.__name__)
def test_an_error_of_the_tree_has_a_code_of_the_contract_with_its_status_and_type(error):
    assert (error.status, error.type) == TYPES[error.code]


def test_a_code_given_where_an_error_is_raised_has_the_status_of_its_class():
    classes = {error.__name__: error for error in tree()}
    text = "".join(file.read_text() for file in Path(ROOT).glob("*/**/*.py") if ".venv" not in str(file))
    given = re.findall(r'\b(\w+)\((?:[^()]|\([^()]*\))*?\bcode="(\w+)"', text)
    raised = [(name, code) for name, code in given if name in classes]
    assert len(raised) >= 4
    assert [(name, code) for name, code in raised if TYPES[code][0] != classes[name].status] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("GET", "/nothing", "", (404, "resource_not_found", None)),
        ("GET", "/patients/nobody", "", (404, "not_found", None)),
        ("PATCH", "/patients", "", (405, "method_not_allowed", None)),
        ("POST", "/health", "", (405, "method_not_allowed", None)),
        ("POST", "/sessions", "{", (400, "bad_request", None)),
        ("POST", "/sessions", "x" * (MAX_BODY_BYTES + 1), (413, "payload_too_large", None)),
        ("POST", "/sessions", "x" * 3_000_000, (413, "payload_too_large", None)),
    ],
)
def test_what_the_framework_refuses_is_refused_in_the_envelope(api, method, path, body, problem):
    response = api.client.generic(
        method, path, body, content_type="application/json", headers={"Authorization": f"Bearer {api.key}"}
    )

    assert Answer(response).problem == problem


def test_an_unknown_host_is_refused_in_the_envelope(api):
    answer = Answer(api.client.get("/sessions/x", headers={"Host": "elsewhere.example"}))

    assert answer.problem == (400, "bad_request", None)
    assert "ALLOWED_HOSTS" in answer.error["message"]


@pytest.mark.parametrize(("path", "code"), [("/patients", "invalid_request"), ("/connections", "bad_request")])
def test_more_parameters_than_the_framework_reads_are_refused_in_the_words_of_the_path(api, path, code):
    answer = api.get(path, {f"a{number}": "1" for number in range(1001)})

    assert answer.problem == (400, code, None)
    assert "too many parameters" in answer.error["message"]


@pytest.mark.parametrize(
    ("exception", "problem"),
    [
        (ZeroDivisionError("the secret detail"), (500, "internal_error", None)),
        (OperationalError("the secret detail"), (503, "service_unavailable", None)),
    ],
)
def test_a_fault_of_ours_is_told_in_the_envelope_and_says_nothing_of_itself(api, monkeypatch, exception, problem):
    monkeypatch.setattr("patients.views.filtered", failing(exception))

    answer = api.get("/patients")

    assert answer.problem == problem
    assert "secret" not in answer.response.content.decode()


def test_every_error_carries_the_request_id_of_its_response(api):
    own = str(uuid.uuid4())

    answer = api.get("/patients/nobody", X_Request_Id=own)

    assert answer.error["request_id"] == own == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("path", "body", "invalid", "missing"),
    [
        ("/patients", {}, "invalid_request", "not_found"),
        ("/patient-flows", {}, "bad_request", "resource_not_found"),
        ("/sessions", {}, "bad_request", "resource_not_found"),
        ("/patient-sessions", {}, "bad_request", "resource_not_found"),
    ],
)
def test_patients_have_words_of_their_own_and_everything_else_the_common_ones(api, path, body, invalid, missing):
    assert api.post(path, body).problem == (400, invalid, "patient_id")
    assert api.get(f"{path}/nothing-here").problem == (404, missing, None)


def test_what_belongs_to_a_patient_speaks_the_words_of_patients(api):
    for below in ("sessions", "patient-flows", "patient-sessions"):
        assert api.get(f"/patients/nobody/{below}").problem == (404, "not_found", None)
    assert api.get("/patients", {"limit": "0"}).problem == (400, "invalid_request", "limit")
    assert api.get("/connections", {"limit": "0"}).problem == (400, "bad_request", "limit")


def test_an_address_below_patients_that_leads_nowhere_speaks_the_words_of_patients(api):
    assert api.get("/patients/").problem == (404, "not_found", None)
    assert api.get("/patient-flows/").problem == (404, "resource_not_found", None)


def test_param_names_the_field_at_fault_dotted_where_it_is_nested(api):
    body = {"patient_id": "p", "return_url": "https://app.example/"}

    listed = api.post("/sessions", body | {"recommended_connection_ids": ["fhirsrc_a", 7]})
    nested = api.post("/sessions", body | {"metadata": {"a": {"b": ["\x00"]}}})
    unknown = api.post("/sessions", body | {"colour": "red"})

    assert listed.problem == (400, "bad_request", "recommended_connection_ids.1")
    assert nested.problem == (400, "bad_request", "metadata.a.b.0")
    assert unknown.problem == (400, "bad_request", "colour")


@pytest.mark.parametrize("code", TYPES)
def test_doc_url_resolves_to_a_page_with_cause_fix_and_example(client, db, settings, code):
    url = errors.doc_url(code)

    page = client.get(url.removeprefix(settings.BASE_URL))

    assert page.status_code == 200
    html = page.content.decode()
    audit(html)
    for heading in ("What happened", "What to do", "Example"):
        assert f"<h2>{heading}</h2>" in html
    assert "doc_url" in html


def test_the_index_lists_every_code(client, db):
    html = client.get("/errors/").content.decode()

    audit(html)
    assert [code for code in TYPES if f'href="/errors/{code}"' not in html] == []
    assert client.get("/errors/nonsense").status_code == 404


@pytest.fixture
def sender(organization, api, settings, monkeypatch, names):
    """For each code whose example has a request: whoever gets that answer, after what has to happen before."""

    def prepared(code: str) -> Api:
        match code:
            case "expired_api_key":
                expired = api_of(organization)
                ApiKey.objects.update(expires_at=timezone.now())
                return expired
            case "insufficient_scope":
                return api_of(organization, scopes=["connections:read"])
            case "external_id_already_exists":
                api.post("/patients", {"patient_id": "user-1842"})
            case "throttled":
                settings.API_RATE_LIMIT = Rate.parse("1/second")
                # Nothing is refilled meanwhile.
                monkeypatch.setattr(rates, "time", SimpleNamespace(monotonic_ns=lambda: 10**12))
                api.get("/patients")
            case "quota_exceeded":
                for _ in range(100):
                    new_endpoint(organization)
            case "resource_conflict":
                key = EXAMPLES[code].headers["Idempotency-Key"]
                assert api.post("/patients", {"patient_id": "user-1842"}, Idempotency_Key=key).status == 200
        return api

    return prepared


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", [code for code, example in EXAMPLES.items() if example.path])
def test_the_example_of_a_page_is_what_the_api_really_answers(sender, code):
    example, api = EXAMPLES[code], sender(code)
    headers = {name: value.replace(KEY, api.key) for name, value in example.headers.items()}
    body = "x" * (MAX_BODY_BYTES + 1) if code == "payload_too_large" else example.body

    response = api.client.generic(
        example.method, example.path, body, content_type=headers.pop("Content-Type", ""), headers=headers
    )

    told, meant = json.loads(response.content)["error"], example.envelope(code)["error"]
    assert response.status_code == TYPES[code][0]
    assert told | {"request_id": ""} == meant | {"request_id": ""}
