"""Contract §4: patients. Revocation at portals, what an erasure takes along and races are in tests/patients."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from patients.models import Connection, ConnectionStatus, Patient
from tests.conftest import api_of
from tests.patients.connected import connect_at, path_of

SHAPE = ["id", "resource_type", "email", "name", "metadata", "created_at"]
CONNECTION_SHAPE = [
    "id", "resource_type", "patient_session_id", "connection_id", "status", "scopes", "failure_code", "failure_at",
    "created_at", "updated_at", "last_synced_at", "records_count",
]  # fmt: skip
NOT_FOUND = (404, "not_found", None)
# fmt: off
AWKWARD = [
    "a/b", "/a", "a/", "a//b", "a b", " a", "...", "../a", "./a", "a.json", "%2F", "a%2Fb", "%", "%zz", "100%25",
    "a?b#c", "a&b=c", "a+b", "a;b", "ü", "日本", "🙂", "👩‍👩‍👧", "x" * 200, "🙂" * 200, "p/flows/",
    "sessions", "records", "a/connections", "a/connections/", "connections/b", "@me",
    "~", '"', "\\", "<b>", "null", "-1",
]
# fmt: on
RESERVED = ["pat_", "pf_", "conn_", "fhirsrc_", "ps_", "sess_", "wh_", "evt_"]
ENDINGS = ["/patient-flows", "/sessions", "/patient-sessions", "/records", "/connections/x", "/connections/conn_x"]


def path_to(reference: str) -> str:
    return f"/patients/{quote(reference, safe='')}"


# POST /patients


def test_a_patient_is_created_with_status_200_and_every_documented_field(api):
    answer = api.post("/patients", {"patient_id": "p-1", "email": "a@b.example", "name": "Ana", "metadata": {"k": [1]}})

    assert answer.status == 200
    assert list(answer.json) == SHAPE
    assert answer.json | {"created_at": None} == {
        "id": "p-1",
        "resource_type": "patient",
        "email": "a@b.example",
        "name": "Ana",
        "metadata": {"k": [1]},
        "created_at": None,
    }


def test_fields_that_were_not_given_are_null_not_absent(api):
    answer = api.post("/patients", {"patient_id": "p-1"}).json

    assert (answer["email"], answer["name"], answer["metadata"]) == (None, None, {})


def test_timestamps_have_milliseconds_and_end_in_z(api):
    created = api.post("/patients", {"patient_id": "p-1"}).json["created_at"]

    assert len(created) == len("2026-04-25T14:30:00.000Z")
    assert created.endswith("Z")


def test_a_second_patient_of_the_same_id_is_refused(api):
    api.post("/patients", {"patient_id": "p-1", "name": "First"})

    again = api.post("/patients", {"patient_id": "p-1", "name": "Second"})

    assert again.problem == (409, "external_id_already_exists", "patient_id")
    assert api.get("/patients/p-1").json["name"] == "First"


def test_another_workspace_may_use_the_same_id_and_sees_only_its_own(api, api_of_other):
    api.post("/patients", {"patient_id": "p-1", "name": "Ours"})
    assert api_of_other.get("/patients/p-1").problem == (404, "not_found", None)

    api_of_other.post("/patients", {"patient_id": "p-1", "name": "Theirs"})

    assert api_of_other.get("/patients/p-1").json["name"] == "Theirs"
    assert [entry["name"] for entry in api.get("/patients").json["data"]] == ["Ours"]


BAD_FIELDS = [
    ("patient_id", None),
    ("patient_id", ""),
    ("patient_id", "   "),
    ("patient_id", 7),
    ("patient_id", ["p"]),
    ("patient_id", "x" * 201),
    ("patient_id", "a\nb"),
    ("patient_id", "a\x00b"),
    ("patient_id", "\ud800"),
    ("email", "not an email"),
    ("email", ""),
    ("email", 5),
    ("email", "a" * 250 + "@b.example"),
    ("email", {"a": 1}),
    ("name", ""),
    ("name", 5),
    ("name", "x" * 201),
    ("name", "a\x00"),
    ("metadata", None),
    ("metadata", []),
    ("metadata", "x"),
    ("metadata", {str(i): 1 for i in range(51)}),
    ("metadata", {"k" * 41: 1}),
    ("metadata", {"k": "x" * 17_000}),
    ("nickname", "x"),
    ("connections", []),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS, ids=lambda value: repr(value)[:30])
def test_bad_fields_are_refused_by_name(api, field, value):
    answer = api.post("/patients", {"patient_id": "p-1"} | {field: value})

    assert answer.problem == (400, "invalid_request", field)
    assert api.get("/patients").json["data"] == []


def test_a_missing_patient_id_is_named(api):
    assert api.post("/patients", {}).problem == (400, "invalid_request", "patient_id")


@pytest.mark.parametrize("name", ["<b>x</b>", "\u202egnp.exe", "🙂", 'O\'Brien "Bo"', "{{ 7*7 }}"])
def test_names_of_every_kind_are_kept_as_they_are(api, name):
    assert api.post("/patients", {"patient_id": "p", "name": name}).json["name"] == name


def test_names_and_emails_may_be_as_long_as_their_limits(api):
    longest = {"name": "x" * 200, "email": "a" * 244 + "@b.example"}

    for answer in (
        api.post("/patients", {"patient_id": "p-1"} | longest),
        api.put("/patients/p-1", {"patient_id": "p-1"} | longest),
        api.get("/patients/p-1"),
    ):
        assert {name: answer.json[name] for name in longest} == longest


def test_emails_are_kept_and_found_as_they_were_written(api):
    email = "Ana.O'Brien+Portal@B.Example"

    assert api.post("/patients", {"patient_id": "p-1", "email": email}).json["email"] == email
    assert [entry["email"] for entry in api.get("/patients", {"email": email}).json["data"]] == [email]
    assert api.get("/patients", {"email": email.lower()}).json["data"] == []


@pytest.mark.parametrize("prefix", RESERVED)
def test_reserved_prefixes_are_refused(api, prefix):
    assert api.post("/patients", {"patient_id": f"{prefix}1"}).problem == (400, "invalid_request", "patient_id")
    assert api.post("/patients", {"patient_id": prefix.upper() + "1"}).status == 200


@pytest.mark.parametrize("ending", ENDINGS)
def test_ids_that_end_like_another_address_are_refused_rather_than_never_found_again(api, ending):
    body = {"patient_id": f"p{ending}", "return_url": "https://app.example/"}

    assert api.post("/patients", {"patient_id": f"p{ending}"}).problem == (400, "invalid_request", "patient_id")
    assert api.post("/patient-flows", body).problem == (400, "bad_request", "patient_id")


@pytest.mark.parametrize("segment", [".", ".."])
def test_ids_that_clients_resolve_before_they_ask_are_refused(api, segment):
    answer = api.post("/patients", {"patient_id": segment})

    assert answer.problem == (400, "invalid_request", "patient_id")
    assert "Choose another id" in answer.error["message"]


@pytest.mark.parametrize("length", [1, 200])
def test_ids_have_1_to_200_characters(api, length):
    assert api.post("/patients", {"patient_id": "x" * length}).status == 200


# GET /patients


def test_the_list_is_newest_first_and_pages_through_everything_once(api):
    for number in range(7):
        api.post("/patients", {"patient_id": f"p-{number}"})

    seen, cursor = [], None
    while True:
        page = api.get("/patients", {"limit": 3} | ({"starting_after": cursor} if cursor else {})).json
        assert list(page) == ["resource_type", "data", "has_more", "next_cursor"]
        seen += [entry["id"] for entry in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break

    assert cursor is None
    assert seen == [f"p-{number}" for number in reversed(range(7))]


def test_the_list_filters_by_exact_id_and_email(api):
    api.post("/patients", {"patient_id": "p-1", "email": "a@b.example"})
    api.post("/patients", {"patient_id": "p-2", "email": "c@b.example"})

    assert [entry["id"] for entry in api.get("/patients", {"email": "c@b.example"}).json["data"]] == ["p-2"]
    assert [entry["id"] for entry in api.get("/patients", {"patient_id": "p-1"}).json["data"]] == ["p-1"]
    assert [entry["id"] for entry in api.get("/patients", {"patient_id": "p-1", "limit": 1}).json["data"]] == ["p-1"]
    assert api.get("/patients", {"patient_id": "P-1"}).json["data"] == []
    assert api.get("/patients", {"email": "C@b.example"}).json["data"] == []
    assert api.get("/patients", {"email": "c@b.exampl"}).json["data"] == []
    assert api.get("/patients", {"patient_id": "p-1", "email": "c@b.example"}).json["data"] == []


def test_a_filtered_list_pages_through_its_own_rows(api):
    for number in range(5):
        api.post("/patients", {"patient_id": f"p-{number}", "email": "a@b.example" if number % 2 else None})

    first = api.get("/patients", {"email": "a@b.example", "limit": 1}).json
    second = api.get("/patients", {"email": "a@b.example", "limit": 1, "starting_after": first["next_cursor"]}).json

    assert [page["data"][0]["id"] for page in (first, second)] == ["p-3", "p-1"]
    assert (second["has_more"], second["next_cursor"]) == (False, None)


def test_the_list_is_of_patients_without_their_connections(api):
    api.post("/patients", {"patient_id": "p-1"})

    [entry] = api.get("/patients").json["data"]

    assert list(entry) == SHAPE


def test_without_a_limit_there_are_ten(api):
    for number in range(11):
        api.post("/patients", {"patient_id": f"p-{number}"})

    page = api.get("/patients").json

    assert len(page["data"]) == 10
    assert page["has_more"] is True


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("page=2", "page"),
        ("starting_after=nonsense", "starting_after"),
        ("email=%00", "email"),
        ("email=", "email"),
        ("patient_id=", "patient_id"),
        ("patient_id=" + "x" * 201, "patient_id"),
        ("patient_id=a&patient_id=b", "patient_id"),
        ("name=Ana", "name"),
    ],
)
def test_bad_query_parameters_are_refused_by_name(api, query, param):
    assert api.get(f"/patients?{query}").problem == (400, "invalid_request", param)


def test_a_cursor_is_good_only_for_its_own_list(api, api_of_other):
    for number in range(3):
        api.post("/patients", {"patient_id": f"p-{number}", "email": "a@b.example"})
    cursor = api.get("/patients", {"limit": 1}).json["next_cursor"]
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")

    for asked in ({"email": "a@b.example", "starting_after": cursor}, {"starting_after": changed}):
        assert api.get("/patients", asked).problem == (400, "invalid_request", "starting_after")
    assert api_of_other.get("/patients", {"starting_after": cursor}).problem[0] == 400


def test_a_cursor_of_all_patients_is_not_one_of_the_patients_with_an_id(api):
    for number in range(3):
        api.post("/patients", {"patient_id": f"p-{number}"})
    cursor = api.get("/patients", {"limit": 1}).json["next_cursor"]

    answer = api.get("/patients", {"patient_id": "p-1", "starting_after": cursor})

    assert answer.problem == (400, "invalid_request", "starting_after")


def test_a_cursor_of_the_patients_with_one_email_is_not_one_of_those_with_another(api):
    for number in range(4):
        api.post("/patients", {"patient_id": f"p-{number}", "email": "ab"[number % 2] + "@x.example"})
    cursor = api.get("/patients", {"email": "a@x.example", "limit": 1}).json["next_cursor"]

    answer = api.get("/patients", {"email": "b@x.example", "starting_after": cursor})

    assert answer.problem == (400, "invalid_request", "starting_after")


# GET /patients/{id}


@pytest.mark.parametrize("reference", AWKWARD)
def test_ids_of_every_kind_work_url_encoded_in_every_call(api, reference):
    assert api.post("/patients", {"patient_id": reference}).json["id"] == reference
    api.post("/patients", {"patient_id": "another"})

    assert api.get(path_to(reference)).json["id"] == reference
    assert api.put(path_to(reference), {"patient_id": reference, "name": "N"}).json["name"] == "N"
    assert api.get("/patients", {"patient_id": reference}).json["data"][0]["name"] == "N"
    assert api.delete(path_to(reference)).json["id"] == reference
    assert [entry["id"] for entry in api.get("/patients").json["data"]] == ["another"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "reference", ["nobody", "conn_1", "pf_1", "x" * 5000, "\x00", "a\x00", "\ud800", "p-1/", "P-1"]
)
def test_a_patient_nobody_has_is_not_found_in_the_words_of_patients(api, method, reference):
    api.post("/patients", {"patient_id": "p-1"})
    path = f"/patients/{quote(reference.encode('utf-8', 'surrogatepass'), safe='')}"

    assert api.request(method, path).problem == NOT_FOUND
    assert api.get("/patients/p-1").status == 200


def test_the_detail_adds_the_connections_with_every_documented_field(api, browser, portal, riverside):
    connect_at(api, browser, portal, riverside)

    detail = api.get("/patients/p-1").json

    assert list(detail) == [*SHAPE, "connections"]
    [shown] = detail["connections"]
    row = Connection.objects.get()
    assert list(shown) == CONNECTION_SHAPE
    assert shown["id"] == f"conn_{row.id}"
    assert shown["resource_type"] == "connection"
    assert shown["patient_session_id"] == f"ps_{row.flow_id}"
    assert shown["connection_id"] == riverside.id
    assert (shown["status"], shown["failure_code"], shown["failure_at"]) == ("active", None, None)
    assert "offline_access" in shown["scopes"]
    assert (shown["last_synced_at"], shown["records_count"]) == (None, 0)


def test_a_connection_has_all_its_scopes_in_the_order_in_which_they_were_granted(api, browser, portal, riverside):
    connect_at(api, browser, portal, riverside)
    granted = ["patient/*.rs", "launch/patient", "offline_access", "openid", "fhirUser"]
    Connection.objects.update(scopes=granted)

    [shown] = api.get("/patients/p-1").json["connections"]

    assert shown["scopes"] == granted


def test_connections_are_newest_first_failed_attempts_included(api, browser, portal, riverside, flow):
    connect_at(api, browser, portal, riverside)
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id), decision="deny"))

    failed, active = api.get("/patients/p-1").json["connections"]

    assert (failed["status"], failed["failure_code"], failed["scopes"]) == ("failed", "user_denied", [])
    assert failed["id"].startswith("conn_")
    assert failed["failure_at"] == failed["created_at"] <= failed["updated_at"]
    assert active["status"] == "active"


def test_a_connection_that_changes_keeps_its_place_among_the_others(api, browser, portal, riverside, flow):
    older = connect_at(api, browser, portal, riverside)
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id), decision="deny"))

    api.delete(path_of(older))

    statuses = [connection["status"] for connection in api.get("/patients/p-1").json["connections"]]
    assert statuses == ["failed", "disconnected"]


def test_a_connection_says_to_the_millisecond_when_it_was_made_when_it_changed_and_when_it_failed(
    api, browser, portal, riverside
):
    connect_at(api, browser, portal, riverside)
    noon, hour = datetime(2026, 4, 25, 12, 0, 0, 123456, tzinfo=UTC), timedelta(hours=1)
    Connection.objects.update(
        status=ConnectionStatus.REFRESH_FAILED,
        failure_code="refresh_rejected",
        created_at=noon,
        failure_at=noon + hour,
        updated_at=noon + 2 * hour,
        last_synced_at=noon + 3 * hour,
    )

    [shown] = api.get("/patients/p-1").json["connections"]

    assert {name: shown[name] for name in ("created_at", "failure_at", "updated_at", "last_synced_at")} == {
        "created_at": "2026-04-25T12:00:00.123Z",
        "failure_at": "2026-04-25T13:00:00.123Z",
        "updated_at": "2026-04-25T14:00:00.123Z",
        "last_synced_at": "2026-04-25T15:00:00.123Z",
    }


# PUT /patients/{id}


def test_putting_a_patient_replaces_them_in_full(api):
    made = api.post(
        "/patients", {"patient_id": "p-1", "email": "a@b.example", "name": "Ana", "metadata": {"k": 1}}
    ).json

    answer = api.put("/patients/p-1", {"patient_id": "p-1", "email": "c@d.example", "name": "Bo", "metadata": {"l": 2}})

    assert answer.status == 200
    assert list(answer.json) == SHAPE
    expected = {"email": "c@d.example", "name": "Bo", "metadata": {"l": 2}}
    assert answer.json == made | expected
    assert api.get("/patients/p-1").json == made | expected | {"connections": []}


@pytest.mark.parametrize("more", [{}, {"email": None, "name": None}])
def test_what_a_put_omits_is_emptied(api, more):
    api.post("/patients", {"patient_id": "p-1", "email": "a@b.example", "name": "Ana", "metadata": {"k": 1}})

    answer = api.put("/patients/p-1", {"patient_id": "p-1"} | more).json

    assert (answer["email"], answer["name"], answer["metadata"]) == (None, None, {})
    assert api.get("/patients/p-1").json["metadata"] == {}


@pytest.mark.parametrize("body", [{"patient_id": "p-2"}, {"patient_id": "P-1"}, {"patient_id": "p-1 "}, {}])
def test_the_patient_id_of_a_put_must_equal_the_one_in_the_url(api, body):
    for reference in ("p-1", "p-2"):
        api.post("/patients", {"patient_id": reference, "name": "Kept"})

    assert api.put("/patients/p-1", body).problem == (400, "invalid_request", "patient_id")

    assert {entry["name"] for entry in api.get("/patients").json["data"]} == {"Kept"}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, value in BAD_FIELDS if field != "patient_id"],
    ids=lambda value: repr(value)[:30],
)
def test_bad_fields_of_a_put_are_refused_by_name_and_change_nothing(api, field, value):
    before = api.post("/patients", {"patient_id": "p-1", "name": "Ana"}).json

    assert api.put("/patients/p-1", {"patient_id": "p-1"} | {field: value}).problem == (400, "invalid_request", field)

    assert api.get("/patients/p-1").json == before | {"connections": []}


@pytest.mark.parametrize("reference", ["p-1", "conn_1", "a/b", "x" * 201, "\x01"])
def test_a_put_never_creates(api, reference):
    assert api.put(path_to(reference), {"patient_id": reference}).problem == NOT_FOUND
    assert not Patient.objects.exists()


def test_a_put_leaves_connections_and_other_workspaces_alone(
    api,
    api_of_other,
    browser,
    portal,
    riverside,
):
    connect_at(api, browser, portal, riverside)
    api_of_other.post("/patients", {"patient_id": "p-1", "name": "Theirs"})

    api.put("/patients/p-1", {"patient_id": "p-1", "name": "Ours"})

    assert len(api.get("/patients/p-1").json["connections"]) == 1
    assert api_of_other.get("/patients/p-1").json["name"] == "Theirs"


# DELETE /patients/{id}


def test_deleting_a_patient_answers_with_a_tombstone(api):
    api.post("/patients", {"patient_id": "a/b", "name": "Ana"})

    answer = api.delete("/patients/a%2Fb")

    assert answer.status == 200
    assert answer.json == {"id": "a/b", "resource_type": "patient", "deleted": True}
    assert api.get("/patients/a%2Fb").problem == NOT_FOUND
    assert api.get("/patients").json["data"] == []


def test_deleting_a_patient_erases_their_flows_and_connections(api, browser, portal, riverside, flow):
    connect_at(api, browser, portal, riverside)

    api.delete("/patients/p-1")

    assert api.get(f"/patient-flows/{flow['id']}").problem == (404, "resource_not_found", None)
    assert not Connection.objects.exists()


def test_a_second_deletion_finds_nobody(api):
    api.post("/patients", {"patient_id": "p-1"})
    api.delete("/patients/p-1")

    assert api.delete("/patients/p-1").problem == NOT_FOUND


def test_nobody_deletes_a_patient_of_another_workspace(api, api_of_other):
    api.post("/patients", {"patient_id": "p-1"})

    assert api_of_other.delete("/patients/p-1").problem == NOT_FOUND
    assert api.get("/patients/p-1").status == 200


# DELETE /patients/{id}/connections/{conn_id}


def test_disconnecting_clears_the_tokens_and_the_status_says_so(api, browser, portal, riverside):
    connection = connect_at(api, browser, portal, riverside)

    answer = api.delete(path_of(connection))

    assert answer.status == 200
    assert answer.json == {"id": f"conn_{connection.pk}", "resource_type": "connection", "disconnected": True}
    [shown] = api.get("/patients/p-1").json["connections"]
    assert (shown["id"], shown["status"]) == (f"conn_{connection.pk}", "disconnected")
    assert (shown["failure_code"], shown["failure_at"]) == (None, None)
    connection.refresh_from_db()
    assert (connection.access_token, connection.refresh_token) == (None, None)
    assert (connection.access_expires_at, connection.consent_expires_at) == (None, None)


@pytest.mark.parametrize("status", [ConnectionStatus.EXPIRED, ConnectionStatus.REFRESH_FAILED])
def test_access_that_ended_badly_can_be_disconnected_too(api, browser, portal, riverside, status):
    connection = connect_at(api, browser, portal, riverside)
    Connection.objects.update(status=status, failure_code="refresh_rejected", failure_at=connection.created_at)

    assert api.delete(path_of(connection)).status == 200

    [shown] = api.get("/patients/p-1").json["connections"]
    assert (shown["status"], shown["failure_code"]) == ("disconnected", None)


def test_disconnecting_again_gives_the_same_answer_so_that_a_retry_is_safe(
    api,
    browser,
    portal,
    riverside,
):
    path = path_of(connect_at(api, browser, portal, riverside))
    first = api.delete(path).json
    updated = Connection.objects.get().updated_at

    again = api.delete(path)

    assert (again.status, again.json) == (200, first)
    assert Connection.objects.get().updated_at == updated


def test_an_attempt_that_failed_has_nothing_to_disconnect(api, browser, portal, riverside, flow):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id), decision="deny"))

    assert api.delete(path_of(Connection.objects.get())).problem == NOT_FOUND
    assert Connection.objects.get().status == "failed"


@pytest.mark.parametrize(
    "identifier", ["conn_01JSP5Z3E8Q4N7T2V9W0X1Y2Z3", "conn_", "conn_x", "x", "%00", "%F0%9F%99%82"]
)
def test_a_connection_the_patient_does_not_have_is_not_found(api, identifier):
    api.post("/patients", {"patient_id": "p-1"})

    assert api.delete(f"/patients/p-1/connections/{identifier}").problem == NOT_FOUND


def test_only_the_id_with_its_prefix_is_a_connection_s(api, browser, portal, riverside):
    connection = connect_at(api, browser, portal, riverside)

    for identifier in (connection.pk, riverside.id, f"conn_{connection.pk.lower()}", f"conn_conn_{connection.pk}"):
        answer = api.delete(f"/patients/p-1/connections/{identifier}")
        assert answer.problem == NOT_FOUND
        assert "conn_" in answer.error["message"] or "no connection" in answer.error["message"]
    assert Connection.objects.get().status == "active"


def test_a_connection_of_another_patient_or_workspace_is_not_found(
    api,
    api_of_other,
    browser,
    portal,
    riverside,
):
    connection = connect_at(api, browser, portal, riverside)
    api.post("/patients", {"patient_id": "p-2"})
    api_of_other.post("/patients", {"patient_id": "p-1"})

    assert api.delete(f"/patients/p-2/connections/conn_{connection.pk}").problem == NOT_FOUND
    assert api.delete(f"/patients/nobody/connections/conn_{connection.pk}").problem == NOT_FOUND
    assert api_of_other.delete(path_of(connection)).problem == NOT_FOUND
    assert Connection.objects.get().status == "active"


def test_ids_with_slashes_can_be_disconnected_too(api, browser, portal, riverside):
    connection = connect_at(api, browser, portal, riverside, patient_id="a/connections/b/c")

    answer = api.delete(f"{path_to('a/connections/b/c')}/connections/conn_{connection.pk}")

    assert answer.json["disconnected"] is True


def test_signing_in_again_renews_a_disconnected_connection_under_its_id(
    api,
    browser,
    portal,
    riverside,
):
    connection = connect_at(api, browser, portal, riverside)
    api.delete(path_of(connection))

    again = connect_at(api, browser, portal, riverside)

    assert (again.pk, again.status) == (connection.pk, "active")


def test_signing_in_again_renews_access_that_the_portal_refused_to_go_on_with(api, browser, portal, riverside):
    connection = connect_at(api, browser, portal, riverside)
    Connection.objects.update(
        status=ConnectionStatus.REFRESH_FAILED, failure_code="refresh_rejected", failure_at=connection.created_at
    )

    connect_at(api, browser, portal, riverside)

    [shown] = api.get("/patients/p-1").json["connections"]
    assert (shown["id"], shown["status"]) == (f"conn_{connection.pk}", "active")
    assert (shown["failure_code"], shown["failure_at"]) == (None, None)


# Every call


CALLS = [
    ("GET", "/patients", "patients:read"),
    ("POST", "/patients", "patients:write"),
    ("GET", "/patients/p-1", "patients:read"),
    ("PUT", "/patients/p-1", "patients:write"),
    ("DELETE", "/patients/p-1", "patients:write"),
    ("DELETE", "/patients/p-1/connections/conn_01JSP5Z3E8Q4N7T2V9W0X1Y2Z3", "patients:write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_every_call_needs_its_scope(api, organization, method, path, scope):
    api.post("/patients", {"patient_id": "p-1"})
    other = {"patients:read": "patients:write", "patients:write": "patients:read"}[scope]

    assert api_of(organization, scopes=[other]).request(method, path).problem == (403, "insufficient_scope", None)
    assert api_of(organization, scopes=[scope]).request(method, path).status in (200, 400, 404)
    assert Patient.objects.exists() or (method, path) == ("DELETE", "/patients/p-1")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/patients/p-1", "DELETE, GET, HEAD, PUT"),
        ("POST", "/patients/p-1", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/patients", "GET, HEAD, POST"),
        ("GET", "/patients/p-1/connections/conn_x", "DELETE"),
    ],
)
def test_other_methods_are_refused_and_the_right_ones_named(api, method, path, allowed):
    answer = api.request(method, path)

    assert answer.problem == (405, "method_not_allowed", None)
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_calls_that_take_no_query_parameters_refuse_them(api, method):
    api.post("/patients", {"patient_id": "p-1"})

    assert api.request(method, "/patients/p-1?force=true").problem == (400, "invalid_request", "force")
    assert api.get("/patients/p-1").status == 200


def test_the_number_of_queries_is_fixed(api, django_assert_num_queries, browser, portal, riverside):
    connection = connect_at(api, browser, portal, riverside)
    for number in range(20):
        api.post("/patients", {"patient_id": f"p-{number}"})
    api.get("/patients")

    with django_assert_num_queries(2):  # the key, the page
        api.get("/patients", {"limit": 20})
    with django_assert_num_queries(3):  # the key, the patient, the connections
        api.get("/patients/p-1")
    with django_assert_num_queries(5):  # the key; begin, the change, the patient, end
        api.put("/patients/p-1", {"patient_id": "p-1", "name": "N"})
    with django_assert_num_queries(15):  # three for the event: the connection as it is now, the row, who listens
        api.delete(path_of(connection))
