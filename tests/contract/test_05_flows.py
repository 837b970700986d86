"""Contract §5: beginning a flow. Return URLs, status and lists are in the modules beside this one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connections

from flows.models import PatientFlow
from organizations.operations import create_organization
from patients.models import Patient
from sources.models import Source
from sources.operations import NewClient, add_source
from tests.api_client import Api
from tests.conftest import api_of

BODY = {"patient_id": "p-1", "return_url": "https://app.example/back"}


def offered(fhir_base_url: str) -> Source:
    """A source where sandbox workspaces can sign patients in."""
    client = NewClient(client_id="us")
    return add_source(name="Riverside", fhir_base_url=fhir_base_url, environment="sandbox", client=client)


@pytest.fixture
def source(db) -> Source:
    return offered("https://fhir.riverside.example/r4")


def test_another_workspaces_flow_is_not_found(api, api_of_other):
    made = api.post("/patient-flows", BODY).json

    assert api_of_other.get(f"/patient-flows/{made['id']}").problem == (404, "resource_not_found", None)


@pytest.mark.parametrize("seconds", [None, 60, 1800, 86400])
def test_expires_in_is_a_minute_to_a_day_and_half_an_hour_where_it_is_left_out(api, seconds):
    answer = api.post("/sessions", BODY | ({"expires_in": seconds} if seconds else {})).json

    lifetime = datetime.fromisoformat(answer["expires_at"]) - datetime.fromisoformat(answer["created_at"])
    assert lifetime == timedelta(seconds=seconds or 1800)


def test_what_was_given_is_answered_and_kept(api):
    given = {
        "return_url": "https://app.example/back?x=1",
        "return_button_label": "Zurück zu „Bluebird“ " + "x" * 39,
        "metadata": {"visit": "7", "nested": {"list": [1, None, 2.5, "🙂"]}, "": True},
    }

    answer = api.post("/sessions", BODY | given).json

    assert {name: answer[name] for name in given} == given
    assert answer["patient_id"] == "p-1"
    assert api.get(f"/sessions/{answer['id']}").json == answer


def test_metadata_lands_on_the_flow_and_not_on_the_patient(api):
    api.post("/sessions", BODY | {"metadata": {"visit": "7"}})

    assert api.get("/patients/p-1").json["metadata"] == {}


@pytest.mark.parametrize(
    "metadata",
    [{f"{number:040}": number for number in range(50)}, {"k": "x" * (16 * 1024 - len('{"k":""}'))}],
    ids=["fifty keys", "16 KB"],
)
def test_metadata_may_be_as_large_as_its_limits(api, metadata):
    assert api.post("/sessions", BODY | {"metadata": metadata}).json["metadata"] == metadata


def test_metadata_beyond_16_kb_is_refused(api):
    metadata = {"k": "é" * (8 * 1024 - 3)}

    assert api.post("/sessions", BODY | {"metadata": metadata}).problem == (400, "bad_request", "metadata")


def test_a_new_patient_is_made_with_what_was_given(api):
    api.post("/sessions", BODY | {"patient_email": "ana@b.example", "patient_name": "Ana"})

    patient = api.get("/patients/p-1").json
    assert (patient["email"], patient["name"], patient["metadata"]) == ("ana@b.example", "Ana", {})


@pytest.mark.parametrize(
    ("given", "email", "name"),
    [
        ({}, "old@b.example", "Ana"),
        ({"patient_email": "new@b.example"}, "new@b.example", "Ana"),
        ({"patient_name": "Anna"}, "old@b.example", "Anna"),
        ({"patient_email": "new@b.example", "patient_name": "Anna"}, "new@b.example", "Anna"),
    ],
)
def test_a_patient_who_is_known_is_reused_and_only_what_is_given_is_overwritten(api, given, email, name):
    before = {"patient_id": "p-1", "email": "old@b.example", "name": "Ana", "metadata": {"k": 1}}
    made = api.post("/patients", before).json

    api.post("/sessions", BODY | given)

    assert api.get("/patients/p-1").json == made | {"email": email, "name": name, "connections": []}


@pytest.mark.parametrize("given", [{}, {"patient_email": "ana@b.example", "patient_name": "Ana"}])
def test_a_patient_whom_nothing_new_is_told_about_counts_as_unchanged(api, given):
    api.post("/patients", {"patient_id": "p-1", "email": "ana@b.example", "name": "Ana"})
    before = Patient.objects.values().get()

    api.post("/sessions", BODY | given)

    assert Patient.objects.values().get() == before


def test_names_and_emails_may_be_as_long_as_those_of_patients(api):
    api.post("/sessions", BODY | {"patient_name": "x" * 200, "patient_email": "a" * 244 + "@b.example"})

    patient = api.get("/patients/p-1").json
    assert (patient["name"], patient["email"]) == ("x" * 200, "a" * 244 + "@b.example")


def test_details_are_filled_in_where_there_were_none(api):
    api.post("/sessions", BODY)
    api.post("/sessions", BODY | {"patient_email": "ana@b.example"})

    patient = Patient.objects.get()
    assert (patient.email, patient.name) == ("ana@b.example", None)
    assert patient.updated_at > patient.created_at


def test_patients_of_the_same_id_in_two_workspaces_are_two(api, api_of_other):
    api.post("/sessions", BODY | {"patient_name": "Ana"})
    api_of_other.post("/sessions", BODY | {"patient_name": "Bea"})

    assert api.get("/patients/p-1").json["name"] == "Ana"
    assert api_of_other.get("/patients/p-1").json["name"] == "Bea"


def test_direct_mode_takes_a_source_id_or_its_base_url(api, source):
    for reference in (source.id, "https://fhir.riverside.example/r4", "HTTPS://FHIR.riverside.example:443/r4/"):
        assert api.post("/sessions", BODY | {"connection_id": reference}).json["connection_id"] == source.id


def test_direct_mode_has_no_recommended_sources(api, source):
    assert api.post("/sessions", BODY | {"connection_id": source.id}).json["recommended_connection_ids"] is None


def test_recommended_sources_keep_their_order_each_once_by_id_or_base_url(api, source):
    second = offered("https://second.example/r4")
    asked = [second.id, source.id, "https://second.example/r4/", second.fhir_base_url]

    answer = api.post("/sessions", BODY | {"recommended_connection_ids": asked}).json

    assert answer["recommended_connection_ids"] == [second.id, source.id]
    assert answer["connection_id"] is None


def test_twenty_sources_may_be_recommended_and_no_more(api):
    ids = [offered(f"https://{number}.example/r4").id for number in range(20)]

    assert api.post("/sessions", BODY | {"recommended_connection_ids": ids}).json["recommended_connection_ids"] == ids
    one_more = api.post("/sessions", BODY | {"recommended_connection_ids": [*ids, ids[0]]})
    assert one_more.problem == (400, "bad_request", "recommended_connection_ids")


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


def at_once(calls):
    """Run the calls on twenty threads, each with a database connection of its own, and give what they answered."""

    def run(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def live_api(transactional_db) -> Api:
    """A workspace's server, with rows that other threads can see."""
    return api_of(create_organization(name="Bluebird Health", environment="sandbox"))


def test_calls_at_the_same_instant_for_the_same_new_patient_make_one_patient_and_a_flow_each(live_api):
    names = [f"Name {number}" for number in range(40)]

    answers = at_once([partial(Api(live_api.key).post, "/sessions", BODY | {"patient_name": name}) for name in names])

    assert [answer.status for answer in answers] == [200] * 40
    assert len({answer.json["id"] for answer in answers}) == 40
    assert Patient.objects.get().name in names
    assert PatientFlow.objects.filter(patient=Patient.objects.get()).count() == 40


def test_calls_that_meet_the_deletion_of_their_patient_make_the_patient_anew(live_api):
    created = [partial(Api(live_api.key).post, "/sessions", BODY) for _ in range(40)]
    deleted = [partial(Api(live_api.key).request, "DELETE", "/patients/p-1") for _ in range(40)]

    answers = at_once([call for pair in zip(created, deleted, strict=True) for call in pair])

    assert {answer.status for answer in answers[::2]} == {200}
    assert {answer.status for answer in answers[1::2]} <= {200, 404}
    assert sum(answer.status == 200 for answer in answers[1::2]) > 1
    left = live_api.get("/patients/p-1/sessions", {"limit": 100})
    assert left.status == (200 if Patient.objects.exists() else 404)
    assert PatientFlow.objects.count() == len(left.json.get("data", []))


def test_beginning_a_flow_costs_a_fixed_number_of_queries(api, source, django_assert_num_queries):
    second = offered("https://second.example/r4")
    api.post("/sessions", BODY)  # notes that the key is used

    with django_assert_num_queries(2):  # the key, and one statement for the patient and the flow
        api.post("/sessions", BODY | {"patient_id": "p-2"})
    with django_assert_num_queries(2):
        api.post("/sessions", BODY | {"patient_email": "new@b.example"})
    with django_assert_num_queries(3):  # and the source
        api.post("/sessions", BODY | {"connection_id": source.id})
    with django_assert_num_queries(3):
        api.post("/sessions", BODY | {"recommended_connection_ids": [source.id, second.id]})
