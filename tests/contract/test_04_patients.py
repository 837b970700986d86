"""Contract §4: patients."""

import pytest

from tests.conftest import api_of

SHAPE = ["id", "resource_type", "email", "name", "metadata", "created_at"]


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


@pytest.mark.parametrize(
    "reference", ["a/b", "a b", "..", "a%2Fb", "ü", "日本", "🙂", "a?b#c", "x" * 200, "a+b", "p/flows/"]
)
def test_ids_with_awkward_characters_work_url_encoded(api, reference):
    from urllib.parse import quote

    assert api.post("/patients", {"patient_id": reference}).json["id"] == reference

    assert api.get(f"/patients/{quote(reference, safe='')}").json["id"] == reference


@pytest.mark.parametrize("prefix", ["pat_", "pf_", "conn_", "fhirsrc_", "ps_", "sess_", "wh_", "evt_"])
def test_reserved_prefixes_are_refused(api, prefix):
    assert api.post("/patients", {"patient_id": f"{prefix}1"}).problem == (400, "invalid_request", "patient_id")


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


def test_a_patient_nobody_has_is_not_found_in_the_words_of_patients(api):
    assert api.get("/patients/nobody").problem == (404, "not_found", None)
    assert api.get("/patients/%00").problem == (404, "not_found", None)


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
    assert api.get("/patients", {"patient_id": "P-1"}).json["data"] == []


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


def test_reading_and_writing_need_their_scopes(organization):
    reader = api_of(organization, scopes=["patients:read"])

    assert reader.get("/patients").status == 200
    assert reader.post("/patients", {"patient_id": "p"}).problem == (403, "insufficient_scope", None)


def test_the_number_of_queries_does_not_grow_with_the_rows(api, django_assert_num_queries):
    for number in range(20):
        api.post("/patients", {"patient_id": f"p-{number}"})
    api.get("/patients")

    with django_assert_num_queries(2):  # the key, the page
        api.get("/patients", {"limit": 20})
    with django_assert_num_queries(3):  # the key, the patient, the connections
        api.get("/patients/p-1")
