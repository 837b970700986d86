"""Contract §2: lists, page by page. Cursors are opaque, signed, and bound to the list and its filters."""

import base64
import string

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.pagination import MAX_LIMIT
from patients.models import Patient
from sources.operations import add_source
from tests.api_client import Api
from tests.flows.test_plans import assert_reads_little, plan_of, statements

FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}
TOLERANT = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def lists(api) -> list[str]:
    """Every list there is, each with three rows at least."""
    for number in range(3):
        api.post("/patients", {"patient_id": f"p-{number}", "email": "same@x.example"})
    for number in range(3):
        api.post("/sessions", FLOW)
        add_source(name=f"Source {number}", fhir_base_url=f"https://s{number}.example/r4", environment="sandbox")
    return [
        "/patients",
        "/patients?email=same%40x.example",
        "/connections",
        "/connections?q=source",
        *(f"/patients/p-1/{dialect}" for dialect in ("patient-flows", "sessions", "patient-sessions")),
    ]


def with_query(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


def pages(api: Api, path: str, limit: int) -> list[list[str]]:
    found, cursor = [], None
    while True:
        page = api.get(with_query(path, f"limit={limit}" + (f"&starting_after={cursor}" if cursor else ""))).json
        assert page.keys() == {"resource_type", "data", "has_more", "next_cursor"}
        assert page["resource_type"] == "list"
        assert page["has_more"] == (page["next_cursor"] is not None)
        found.append([row["id"] for row in page["data"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_every_list_shows_each_row_once_whatever_the_limit(api, lists):
    for path in lists:
        (whole,) = pages(api, path, 100)
        assert len(whole) == len(set(whole)) == 3
        for limit in (1, 2, 3):
            parts = pages(api, path, limit)
            assert [row for page in parts for row in page] == whole
            assert {len(page) for page in parts[:-1]} <= {limit}


def test_lists_are_newest_first_and_the_catalogue_by_name(api, lists):
    assert pages(api, "/patients", 100) == [["p-2", "p-1", "p-0"]]
    (flows,) = pages(api, "/patients/p-1/sessions", 100)
    assert flows == sorted(flows, reverse=True)
    names = [source["name"] for source in api.get("/connections").json["data"]]
    assert names == sorted(names)


def test_ten_rows_are_a_page_unless_the_caller_says_otherwise(api, organization):
    Patient.objects.bulk_create(Patient(organization=organization, reference=f"p-{number}") for number in range(120))

    assert len(api.get("/patients").json["data"]) == 10
    assert len(api.get("/patients?limit=100").json["data"]) == 100


def test_a_page_deep_in_a_list_costs_the_queries_of_the_first(api, organization, django_assert_num_queries):
    Patient.objects.bulk_create(Patient(organization=organization, reference=f"p-{number}") for number in range(120))
    first = api.get("/patients?limit=100").json["next_cursor"]

    for query in ("limit=10", f"limit=10&starting_after={first}"):
        with django_assert_num_queries(2):  # the key, the rows
            api.get(f"/patients?{query}")


FILL = """
    INSERT INTO patients_patient (id, organization_id, reference, email, metadata, created_at, updated_at)
    SELECT lpad(n::text, 26, '0'), %s, 'n-' || n, 'same@x.example', '{}', clock_timestamp() + n * interval '1 ms', now()
    FROM generate_series(1, 20000) n
"""


@pytest.mark.parametrize("filters", [{}, {"email": "same@x.example"}], ids=str)
def test_a_page_deep_in_a_list_reads_only_its_own_rows(api, organization, filters):
    for number in range(30):
        api.post("/patients", {"patient_id": f"p-{number}", "email": "same@x.example"})
    cursor = api.get("/patients", filters).json["next_cursor"]
    with connection.cursor() as database:
        database.execute(FILL, [organization.pk])  # all of them newer
        database.execute("ANALYZE patients_patient")

    with CaptureQueriesContext(connection) as asked:
        page = api.get("/patients", filters | {"starting_after": cursor}).json

    assert [row["id"] for row in page["data"]] == [f"p-{number}" for number in reversed(range(10, 20))]
    (statement,) = [each for each in statements(asked) if 'FROM "patients_patient"' in each]
    assert_reads_little(plan_of(statement))


def test_rows_that_come_and_go_between_pages_move_nothing(api, organization):
    for number in range(4):
        api.post("/patients", {"patient_id": f"p-{number}"})
    first = api.get("/patients?limit=2").json
    api.post("/patients", {"patient_id": "newer"})
    Patient.objects.get(reference="p-2").delete()  # the row that the cursor stands at

    rest = api.get("/patients", {"limit": "2", "starting_after": first["next_cursor"]}).json

    assert [row["id"] for row in rest["data"]] == ["p-1", "p-0"]


LIMITS = ["0", "-1", "101", "abc", "", " ", "1.5", "1e1", "+5", "0x5", "\u0665", "9" * 5000, "None", "1,2", "%00"]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit[:10])
def test_a_limit_is_an_integer_from_1_to_100(api, lists, limit):
    for path in lists:
        assert api.get(with_query(path, f"limit={limit}")).problem[0::2] == (400, "limit")


@pytest.mark.parametrize("name", ["limit", "starting_after", "q", "email"])
def test_a_parameter_given_twice_is_refused(api, lists, name):
    for path in lists:
        if name in ("q", "email") and f"{name}=" not in path:
            continue
        status, _, param = api.get(with_query(path, f"{name}=5&{name}=5")).problem
        assert (status, param) == (400, name)


CURSORS = ["x", "", " ", "0", "a:b", ":", "::", "=", "\u00fc", "%00", "x" * 3000, "WyJhIl0:abc", "null", "-1"]


@pytest.mark.parametrize("cursor", CURSORS, ids=lambda cursor: cursor[:10])
def test_what_is_no_cursor_is_refused(api, lists, cursor):
    for path in lists:
        assert api.get(with_query(path, f"starting_after={cursor}")).problem[0::2] == (400, "starting_after")


def test_a_cursor_of_another_list_or_of_other_filters_is_refused(api, lists):
    cursors = {path: api.get(with_query(path, "limit=1")).json["next_cursor"] for path in lists}
    for path in lists:
        for origin, cursor in cursors.items():
            answer = api.get(with_query(path, f"limit=1&starting_after={cursor}"))

            assert answer.status == 200 if origin == path else answer.problem[0::2] == (400, "starting_after")


def test_a_cursor_of_another_patients_flows_is_refused(api, lists):
    api.post("/sessions", FLOW | {"patient_id": "p-2"})
    cursor = api.get("/patients/p-1/sessions?limit=1").json["next_cursor"]

    answer = api.get("/patients/p-2/sessions", {"starting_after": cursor})

    assert answer.problem[0::2] == (400, "starting_after")


def test_a_cursor_of_another_workspace_is_refused(api, api_of_other, lists):
    api_of_other.post("/sessions", FLOW)
    for path in lists:
        cursor = api.get(with_query(path, "limit=1")).json["next_cursor"]
        answer = api_of_other.get(with_query(path, f"starting_after={cursor}"))
        assert answer.problem[0::2] == (400, "starting_after")


def test_the_limit_may_change_from_page_to_page(api, lists):
    cursor = api.get("/patients?limit=1").json["next_cursor"]

    assert len(api.get("/patients", {"limit": "50", "starting_after": cursor}).json["data"]) == 2


@TOLERANT
@given(data=st.data())
def test_a_cursor_with_one_changed_character_is_refused(api, lists, data):
    path = data.draw(st.sampled_from(lists))
    cursor = api.get(with_query(path, "limit=1")).json["next_cursor"]
    place = data.draw(st.integers(0, len(cursor) - 1))
    alphabet = set(string.ascii_letters + string.digits + "-_:.=") - {cursor[place]}
    other = data.draw(st.sampled_from(sorted(alphabet)))

    answer = api.get(with_query(path, f"starting_after={cursor[:place]}{other}{cursor[place + 1 :]}"))

    assert answer.problem[0::2] == (400, "starting_after")


@TOLERANT
@given(data=st.data())
def test_a_cursor_with_one_changed_bit_is_refused(api, lists, data):
    """The bits that base64 carries, those included that no decoder looks at."""
    cursor = api.get("/patients?limit=1").json["next_cursor"]
    body, _, signature = cursor.rpartition(":")
    part = data.draw(st.sampled_from([body, signature]))
    raw = bytearray(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    changed = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    answer = api.get("/patients", {"starting_after": cursor.replace(part, changed)})

    assert answer.problem[0::2] == (400, "starting_after")


@TOLERANT
@given(cursor=st.text(max_size=200), limit=st.text(max_size=20))
@pytest.mark.parametrize("path", ["/patients", "/connections"])
def test_no_cursor_and_no_limit_is_a_failure_of_ours(api, path, cursor, limit):
    encodable = {name: value.encode("utf-8", "replace").decode() for name, value in
                 {"starting_after": cursor, "limit": limit}.items()}  # fmt: skip

    for name, value in encodable.items():
        answer = api.get(path, {name: value})
        is_a_limit = name == "limit" and value.isascii() and value.isdigit() and 1 <= int(value) <= MAX_LIMIT
        assert answer.status == 200 if is_a_limit else answer.problem[0::2] == (400, name)
