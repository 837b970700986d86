"""Contract §1 and §5: flows, in three dialects."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from flows.models import PatientFlow
from organizations.operations import create_organization
from patients.models import Patient
from sources.operations import NewClient, add_source
from tests.conftest import api_of

SHAPE = [
    "id", "resource_type", "status", "url", "patient_id", "connection_id", "recommended_connection_ids", "return_url",
    "return_button_label", "connections", "expires_at", "metadata", "created_at",
]  # fmt: skip
DIALECTS = [
    ("/patient-flows", "pf_", "patient_flow"),
    ("/sessions", "sess_", "session"),
    ("/patient-sessions", "ps_", "patient_session"),
]
BODY = {"patient_id": "p-1", "return_url": "https://app.example/back"}


@pytest.fixture
def source(db):
    return add_source(
        name="Riverside",
        fhir_base_url="https://fhir.riverside.example/r4",
        environment="sandbox",
        client=NewClient(client_id="us"),
    )


@pytest.mark.parametrize(("path", "prefix", "resource_type"), DIALECTS)
def test_each_dialect_answers_in_its_own_words(api, path, prefix, resource_type):
    answer = api.post(path, BODY)

    assert answer.status == 200
    assert list(answer.json) == SHAPE
    assert re.fullmatch(prefix + "[0-9A-HJKMNP-TV-Z]{26}", answer.json["id"])
    assert answer.json["resource_type"] == resource_type
    assert re.fullmatch(r"http://testserver/c/[0-9a-f]{32}", answer.json["url"])
    assert answer.json["status"] == "open"
    for absent in ("connection_id", "recommended_connection_ids", "return_button_label"):
        assert answer.json[absent] is None
    assert answer.json["metadata"] == {}
    assert answer.json["connections"] == []


def test_every_path_accepts_every_prefix_and_shows_the_same_flow(api):
    made = api.post("/sessions", BODY | {"metadata": {"a": 1}, "return_button_label": "Done"}).json
    ulid = made["id"].removeprefix("sess_")

    for path, own_prefix, resource_type in DIALECTS:
        for prefix in ("pf_", "sess_", "ps_"):
            read = api.get(f"{path}/{prefix}{ulid}").json
            assert read == made | {"id": own_prefix + ulid, "resource_type": resource_type}


@pytest.mark.parametrize("mangle", [
    lambda ulid: ulid, lambda ulid: f"pf_{ulid.lower()}", lambda ulid: f"pf_{ulid}0", lambda ulid: f"pf_{ulid[:-1]}",
    lambda ulid: f"xx_{ulid}", lambda ulid: f"pf_{'U' * 26}", lambda ulid: f"pf_8{ulid[1:]}", lambda ulid: "pf_",
    lambda ulid: "%00",
    lambda ulid: "pf_" + "０" * 26,
])  # fmt: skip
def test_ids_of_another_shape_are_not_found(api, mangle):
    ulid = api.post("/sessions", BODY).json["id"].removeprefix("sess_")

    assert api.get(f"/sessions/{mangle(ulid)}").problem == (404, "resource_not_found", None)


def test_another_workspaces_flow_is_not_found(api, api_of_other):
    made = api.post("/patient-flows", BODY).json

    assert api_of_other.get(f"/patient-flows/{made['id']}").problem == (404, "resource_not_found", None)


def test_a_flow_lives_half_an_hour_unless_told_otherwise(api):
    usual = PatientFlow.objects.get(pk=api.post("/sessions", BODY).json["id"][5:])
    short = PatientFlow.objects.get(pk=api.post("/sessions", BODY | {"expires_in": 60}).json["id"][5:])

    assert abs(usual.expires_at - usual.created_at - timedelta(seconds=1800)) < timedelta(seconds=2)
    assert abs(short.expires_at - short.created_at - timedelta(seconds=60)) < timedelta(seconds=2)


def test_a_flow_past_its_time_reads_expired_before_any_sweep(api):
    made = api.post("/sessions", BODY).json
    PatientFlow.objects.update(expires_at=timezone.now())

    assert api.get(f"/sessions/{made['id']}").json["status"] == "expired"
    assert PatientFlow.objects.get().status == "open"


def test_the_patient_is_made_or_reused_and_given_details_overwrite_different_ones(api):
    api.post("/patients", {"patient_id": "p-1", "email": "old@b.example", "name": "Ana", "metadata": {"k": 1}})

    api.post("/sessions", BODY | {"patient_email": "new@b.example"})

    patient = api.get("/patients/p-1").json
    assert (patient["email"], patient["name"], patient["metadata"]) == ("new@b.example", "Ana", {"k": 1})


def test_direct_mode_takes_a_source_id_or_its_base_url(api, source):
    for reference in (source.id, "https://fhir.riverside.example/r4", "HTTPS://FHIR.riverside.example:443/r4/"):
        assert api.post("/sessions", BODY | {"connection_id": reference}).json["connection_id"] == source.id


def test_recommended_sources_keep_their_order_each_once(api, source):
    second = add_source(
        name="Second",
        fhir_base_url="https://second.example/",
        environment="sandbox",
        client=NewClient(client_id="us"),
    )
    asked = [second.id, source.id, second.id]

    answer = api.post("/sessions", BODY | {"recommended_connection_ids": asked}).json

    assert answer["recommended_connection_ids"] == [second.id, source.id]
    assert answer["connection_id"] is None


def test_sources_that_the_workspace_cannot_see_do_not_exist_for_it(api, source, other_organization):
    production = add_source(
        name="P", fhir_base_url="https://p.example/", environment="production", client=NewClient("us")
    )
    private = add_source(
        name="Q",
        fhir_base_url="https://q.example/",
        environment="sandbox",
        organization=other_organization,
        client=NewClient("us"),
    )
    for reference in (production.id, private.id, "fhirsrc_" + "a" * 24, "https://nowhere.example/", "nonsense"):
        for field, value in (("connection_id", reference), ("recommended_connection_ids", [source.id, reference])):
            answer = api.post("/sessions", BODY | {field: value})
            assert answer.problem == (404, "resource_not_found", field)
    assert not Patient.objects.exists()


def test_a_source_where_nobody_can_sign_in_yet_is_refused_with_the_reason(api):
    bare = add_source(name="Bare", fhir_base_url="https://bare.example/", environment="sandbox")

    answer = api.post("/sessions", BODY | {"connection_id": bare.id})

    assert answer.problem == (400, "bad_request", "connection_id")
    assert "no client registration" in answer.error["message"]


GOOD_RETURN_URLS = [
    "https://app.example",
    "https://app.example/back?x=1&y=%20",
    "https://app.example:8443/",
    "http://localhost:3000/back",
    "http://127.0.0.1/back",
    "http://[::1]:3000/",
    "https://xn--bcher-kva.example/",
]
BAD_RETURN_URLS = [
    "http://app.example/",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://app.example/",
    "myapp://back",
    "//app.example/",
    "/back",
    "https://",
    "https:///back",
    "https:app.example",
    "https://user:pass@app.example/",
    "https://user@app.example/",
    "https://app.example/#part",
    "https://app.example/#",
    "https://app.example/a b",
    "https://app.example/\\evil",
    "https://app.example\\@evil.example/",
    "https://app.example/\r\nSet-Cookie: a=b",
    "https://app.example/\x7f",
    "https://app.example/ü",
    "https://app.example:99999/",
    "https://[::1/",
    " https://app.example/",
    "https://app.example/" + "x" * 5000,
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
]


@pytest.mark.parametrize("url", GOOD_RETURN_URLS)
def test_return_urls_that_are_fine(api, url):
    assert api.post("/sessions", BODY | {"return_url": url}).json["return_url"] == url


@pytest.mark.parametrize("url", BAD_RETURN_URLS, ids=lambda url: repr(url)[:40])
def test_return_urls_that_are_refused(api, url):
    assert api.post("/sessions", BODY | {"return_url": url}).problem == (400, "bad_request", "return_url")
    assert not PatientFlow.objects.exists()


def test_a_workspace_that_lists_its_return_origins_returns_nowhere_else(api, organization):
    organization.allowed_return_origins = ["https://app.example", "myapp:"]
    organization.save()

    for good in ("https://app.example/back", "https://APP.example:443/", "myapp://done", "myapp:done?x=1"):
        assert api.post("/sessions", BODY | {"return_url": good}).status == 200
    for bad in ("https://other.example/", "https://app.example:8443/", "other://x", "http://localhost/"):
        assert api.post("/sessions", BODY | {"return_url": bad}).problem == (400, "bad_request", "return_url")


BAD_FIELDS = [
    *[("patient_id", value) for value in (None, "", "  ", 7, [], {}, "x" * 201, "pf_1", "a\x00", "a\tb")],
    *[("patient_email", value) for value in (None, "", "nope", 5, [], "a" * 250 + "@b.example", "a\x00@b.example")],
    *[("patient_name", value) for value in (None, "", 5, [], "x" * 201, "a\x1b[0m")],
    *[("connection_id", value) for value in (None, "", 5, [], "x" * 501)],
    *[("recommended_connection_ids", value) for value in (None, "", 5, {}, [], ["a"] * 21)],
    *[("return_url", value) for value in (None, "", 5, [], {})],
    *[("return_button_label", value) for value in (None, "", "  ", 5, [], "x" * 61, "a\nb")],
    *[("expires_in", value) for value in (None, "", "60", 59, 86401, 60.0, 1e9, True, [], -1, 2**70)],
    *[("metadata", value) for value in (None, "", 5, [], {"k" * 41: 1}, {str(i): 0 for i in range(51)})],
    ("status", "complete"),
    ("returnUrl", "https://app.example"),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("path", ["/patient-flows", "/sessions", "/patient-sessions"])
def test_bad_fields_are_refused_by_name_and_leave_nothing_behind(api, path, field, value):
    answer = api.post(path, BODY | {field: value})

    assert answer.problem == (400, "bad_request", field)
    assert not Patient.objects.exists()


@pytest.mark.parametrize("field", ["patient_id", "return_url"])
def test_missing_fields_are_named(api, field):
    body = {name: value for name, value in BODY.items() if name != field}

    assert api.post("/sessions", body).problem == (400, "bad_request", field)


@pytest.mark.parametrize("item", [None, 5, "", [], {}])
def test_items_of_a_list_are_named_with_their_place(api, source, item):
    answer = api.post("/sessions", BODY | {"recommended_connection_ids": [source.id, item]})

    assert answer.problem == (400, "bad_request", "recommended_connection_ids.1")


def test_a_source_and_recommendations_together_are_refused(api, source):
    answer = api.post("/sessions", BODY | {"connection_id": source.id, "recommended_connection_ids": [source.id]})

    assert answer.problem == (400, "bad_request", "recommended_connection_ids")


def test_reading_and_writing_need_their_scopes(organization):
    reader = api_of(organization, scopes=["patient_sessions:read", "patients:write"])

    assert reader.post("/sessions", BODY).problem == (403, "insufficient_scope", None)
    assert reader.get("/sessions/sess_x").status == 404


def test_a_sandbox_workspace_never_sees_production_and_the_other_way_round(production_organization, source):
    answer = api_of(production_organization).post("/sessions", BODY | {"connection_id": source.id})

    assert answer.problem == (404, "resource_not_found", "connection_id")


@pytest.mark.django_db(transaction=True)
def test_two_calls_at_the_same_instant_for_the_same_new_patient_make_one_patient_and_two_flows():
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    api = api_of(organization)

    def create(number: int):
        try:
            return api_of_key(api.key).post("/sessions", BODY | {"patient_name": f"Name {number}"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(16)))

    assert [answer.status for answer in answers] == [200] * 16
    assert Patient.objects.count() == 1
    assert PatientFlow.objects.count() == 16


def api_of_key(key: str):
    from tests.api_client import Api

    return Api(key)


def test_the_number_of_queries_is_fixed(api, source, django_assert_num_queries):
    made = api.post("/sessions", BODY | {"connection_id": source.id}).json

    with django_assert_num_queries(3):  # the key, the flow with its patient, its connections
        api.get(f"/sessions/{made['id']}")
    with django_assert_num_queries(6):  # the key, the source, the patient, the flow, and the transaction's two ends
        api.post("/sessions", BODY | {"connection_id": source.id})
