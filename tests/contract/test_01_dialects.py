"""Contract §1: one resource, three dialects."""

import re
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from flows.models import PatientFlow
from flows.operations import return_destination

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


@pytest.mark.parametrize(("path", "prefix", "resource_type"), DIALECTS)
def test_each_dialect_lists_a_patients_flows_in_its_own_words_whatever_made_them(api, path, prefix, resource_type):
    made = [api.post(dialect, BODY).json for dialect, _, _ in DIALECTS]
    api.post(path, BODY | {"patient_id": "somebody else"})

    answer = api.get(f"/patients/p-1{path}").json

    ulids = [flow["id"][-26:] for flow in reversed(made)]
    assert list(answer) == ["resource_type", "data", "has_more", "next_cursor"]
    assert (answer["resource_type"], answer["has_more"], answer["next_cursor"]) == ("list", False, None)
    assert [flow["id"] for flow in answer["data"]] == [prefix + ulid for ulid in ulids]
    assert [list(flow) for flow in answer["data"]] == [SHAPE] * 3
    assert {flow["resource_type"] for flow in answer["data"]} == {resource_type}
    assert answer["data"] == [api.get(f"{path}/{flow['id']}").json for flow in answer["data"]]


def test_a_cursor_of_one_dialect_is_not_one_of_another(api):
    for _ in range(2):
        api.post("/sessions", BODY)
    cursor = api.get("/patients/p-1/sessions", {"limit": 1}).json["next_cursor"]

    answer = api.get("/patients/p-1/patient-sessions", {"limit": 1, "starting_after": cursor})

    assert answer.problem == (400, "invalid_request", "starting_after")


@pytest.mark.parametrize("reference", ["a/b", "a b", "a.b", "...", "%41", "é🙂", "sessions", "x" * 200, "a//", "a?b#c"])
@pytest.mark.parametrize(("path", "prefix", "resource_type"), DIALECTS)
def test_the_list_is_found_whatever_the_patients_id_looks_like(api, reference, path, prefix, resource_type):
    made = api.post(path, BODY | {"patient_id": reference}).json

    [listed] = api.get(f"/patients/{quote(reference, safe='')}{path}").json["data"]

    assert listed == made


@pytest.mark.parametrize(("path", "prefix", "resource_type"), DIALECTS)
def test_the_list_of_a_patient_nobody_knows_is_not_found_in_the_words_of_patients(api, path, prefix, resource_type):
    assert api.get(f"/patients/nobody{path}").problem == (404, "not_found", None)
    assert api.get(f"/patients/a%00b{path}").problem == (404, "not_found", None)


@pytest.mark.parametrize(("path", "prefix", "resource_type"), DIALECTS)
def test_the_list_of_another_workspaces_patient_is_not_found(api, api_of_other, path, prefix, resource_type):
    api.post(path, BODY)

    assert api_of_other.get(f"/patients/p-1{path}").problem == (404, "not_found", None)


@pytest.mark.parametrize("prefix", ["pf_", "sess_", "ps_"])
@pytest.mark.parametrize(("path", "own_prefix", "resource_type"), DIALECTS)
def test_each_dialect_ends_a_link_and_answers_in_its_own_words(api, path, own_prefix, resource_type, prefix):
    made = api.post("/patient-sessions", BODY).json

    answer = api.post(f"{path}/{prefix}{made['id'][3:]}/expire", {})

    expected = made | {"id": own_prefix + made["id"][3:], "resource_type": resource_type, "status": "expired"}
    assert (answer.status, answer.json) == (200, expected)


EXTRA = {"/patient-flows": "patient_flow_id", "/sessions": "session_id", "/patient-sessions": None}


@pytest.mark.parametrize("path", EXTRA)
def test_the_return_url_carries_the_patient_the_session_and_the_dialects_own_id(api, path):
    made = api.post(path, BODY | {"patient_id": "Ana & co"}).json
    flow = PatientFlow.objects.get()

    query = dict(parse_qsl(urlsplit(return_destination(flow)).query))

    own = {EXTRA[path]: made["id"]} if EXTRA[path] else {}
    assert query == {"patient_id": "Ana & co", "patient_session_id": f"ps_{flow.id}"} | own
