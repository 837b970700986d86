"""Contract §8: `Accept: application/fhir+ndjson` gets all records of a patient in one answer, in flat memory."""

import gzip
import http.client
import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organizations.operations import create_organization
from patients.erasure import erase_patient
from patients.models import Connection, Patient
from patients.operations import create_patient
from records import streaming
from records.models import Record
from records.reading import Selection
from records.streaming import RecordStream
from tests.api_client import Answer, Api
from tests.conftest import api_of
from tests.contract.wire import Wire, served
from tests.eventually import eventually
from tests.records.stored import connection_of, observations, resource, store

PATH = "/patients/p-1/records"
NDJSON = "application/fhir+ndjson"
MEGABYTE = 1024 * 1024
# Closing an answer before its end closes the connection to the database, and with it the transaction of a test.
COMMITTED = pytest.mark.django_db(transaction=True)


def ask(api, query=None, *, accept=NDJSON, path=PATH, **headers):
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.get(path, query or {}, headers={"Authorization": f"Bearer {api.key}", "Accept": accept} | more)


def lines(api, query=None, **headers) -> list:
    response = ask(api, query, **headers)
    assert response.status_code == 200
    content = b"".join(response)
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line) for line in content.decode().split("\n")[:-1]]


def taken() -> int:
    return streaming.places.taken()


@pytest.fixture(autouse=True)
def _every_place_is_given_back():
    yield
    assert taken() == 0


def workspaces() -> list[Api]:
    """As many workspaces, each with a patient, as fill all places together."""
    made = [create_organization(name=f"Workspace {number}", environment="sandbox")
            for number in range(streaming.AT_ONCE // streaming.AT_ONCE_OF_ONE_WORKSPACE)]  # fmt: skip
    for organization in made:
        create_patient(organization=organization, reference="p-1")
    return [api_of(organization) for organization in made]


# --- What comes ---


def test_everything_comes_a_resource_to_a_line_newest_first(api, access):
    store(access, observations(1200))

    found = lines(api)

    assert [each["id"] for each in found] == [f"obs-{number}" for number in reversed(range(1200))]
    assert found[-1] == resource("Observation", "obs-0", status="final")


@pytest.mark.parametrize("accept", [
    NDJSON, "application/x-ndjson", "application/ndjson", "Application/FHIR+NDJSON ; charset=utf-8", f"{NDJSON}, */*",
    f"application/json;q=0.9, {NDJSON}", f"application/json; q=0.5 , {NDJSON};fhirVersion=4.0; q=0.501",
    f"text/html,{NDJSON};q=0.1",
])  # fmt: skip
def test_whoever_prefers_ndjson_gets_it(api, access, accept):
    response = ask(api, accept=accept)

    assert response.streaming
    assert response.headers["Content-Type"] == NDJSON
    assert "no-store" in response.headers["Cache-Control"]
    assert {"X-Request-Id", "RateLimit-Remaining"} <= set(response.headers)
    assert b"".join(response) == b""


@pytest.mark.parametrize("accept", [
    "", "*/*", "application/*", "application/json", "application/fhir+json", f"application/json, {NDJSON}",
    f"{NDJSON};q=0", f"{NDJSON};q=0.0", f"{NDJSON};q=0.5, application/json", f"x{NDJSON}", f"{NDJSON}x", "garbage",
    ";q=1", ",,,", "a/b; q*=zz'en'x", "ü" * 99,
])  # fmt: skip
def test_everybody_else_gets_a_page(api, access, accept):
    assert Answer(ask(api, accept=accept)).json["resource_type"] == "list"


def test_a_patient_without_records_gets_an_empty_answer(api, patient):
    assert lines(api) == []


def test_decimals_keep_their_digits_and_no_text_breaks_a_line(api, access):
    store(access, ['{"id": "o", "resourceType": "Observation", "value": 1.00}',
                       resource("Observation", "p", note="a\nb\r\n\u2028\u0085c")])  # fmt: skip

    content = b"".join(ask(api)).decode()

    assert content.count("\n") == 2
    assert '"value": 1.00' in content
    assert json.loads(content.split("\n")[0])["note"] == "a\nb\r\n\u2028\u0085c"


def test_every_fhir_patient_carries_the_callers_id(api, access):
    own = {"system": "urn:medblocks:patient-id", "value": "p-1"}
    store(access, [resource("Patient", "chart-1", identifier=[own | {"value": "forged"}])])

    assert lines(api) == [resource("Patient", "chart-1", identifier=[own])]


def test_filters_choose_among_all(api, access):
    store(access, [resource("Observation", "old")], at=timezone.now() - timezone.timedelta(days=2))
    store(access, [resource("Observation", "o"), resource("Condition", "c"), resource("Procedure", "p")])
    since = (timezone.now() - timezone.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert [each["id"] for each in lines(api, {"type": "Observation,Condition"})] == ["c", "o", "old"]
    assert [each["id"] for each in lines(api, {"type": "Observation", "since": since})] == ["o"]


def test_head_has_the_headers_and_reads_nothing(api, access):
    store(access, observations(3))
    headers = {"Authorization": f"Bearer {api.key}", "Accept": NDJSON}

    with CaptureQueriesContext(database) as queries:
        response = api.client.head(PATH, headers=headers)
        content = b"".join(response)

    assert (response.status_code, content) == (200, b"")
    assert response.headers["Content-Type"] == NDJSON
    assert not [query for query in queries if "records_record" in (query["sql"] or "")]


# --- What is refused is refused in JSON ---


@pytest.mark.parametrize("name", ["count", "starting_after", "ending_before", "limit"])
def test_there_are_no_pages_to_ask_for(api, access, name):
    assert Answer(ask(api, {name: "5"})).problem == (400, "invalid_request", name)


def test_errors_are_the_envelope(api, api_of_other, organization, access):
    assert Answer(ask(api, {"type": "?"})).problem == (400, "invalid_request", "type")
    assert Answer(ask(api, path="/patients/nobody/records")).problem == (404, "not_found", None)
    assert Answer(ask(api_of_other)).problem == (404, "not_found", None)
    assert Answer(ask(api_of(organization, scopes=["patients:read"]))).problem == (403, "insufficient_scope", None)


def test_what_fails_before_the_first_line_is_503_in_the_envelope(api, access, monkeypatch):
    def away(*args):
        raise OperationalError("the database went away")

    monkeypatch.setattr(streaming, "bodies_of", away)
    store(access, observations(1))

    answer = Answer(ask(api))

    assert answer.problem == (503, "service_unavailable", None)
    assert int(answer.headers["Retry-After"]) >= 1


@COMMITTED
def test_only_so_many_of_a_workspace_read_everything_at_once_and_then_there_is_room_again(
    api, api_of_other, other_organization, access
):
    create_patient(organization=other_organization, reference="p-1")
    with ExitStack() as readers:
        for _ in range(streaming.AT_ONCE_OF_ONE_WORKSPACE):
            readers.enter_context(closing(ask(api)))
        answer = Answer(ask(api))
        page = api.get(PATH)
        of_other = lines(api_of_other)

    assert answer.problem == (429, "throttled", None)
    assert int(answer.headers["Retry-After"]) >= 1
    assert (page.status, of_other) == (200, [])
    assert lines(api) == []


@COMMITTED
def test_only_so_many_read_everything_at_once_in_a_process(api, access):
    with ExitStack() as readers:
        for another in workspaces() * streaming.AT_ONCE_OF_ONE_WORKSPACE:
            readers.enter_context(closing(ask(another)))
        answer = Answer(ask(api))
        page = api.get(PATH)

    assert answer.problem == (503, "service_unavailable", None)
    assert "Retry-After" in answer.headers
    assert page.status == 200
    assert lines(api) == []


@COMMITTED
def test_a_reader_who_goes_early_gives_the_place_back(api, access):
    store(access, observations(1200))
    response = ask(api, Accept_Encoding="gzip")
    next(iter(response))
    assert taken() == 1

    response.close()
    response.close()

    assert taken() == 0


def test_a_reader_who_takes_too_long_is_told_that_this_is_not_all(api, access, monkeypatch):
    monkeypatch.setattr(streaming, "LONGEST", timedelta(0))
    store(access, observations(1200))

    *begun, last = b"".join(ask(api)).splitlines()

    assert len(begun) == streaming.BATCH
    assert json.loads(last)["resourceType"] == "OperationOutcome"
    assert [(issue["severity"], issue["code"]) for issue in json.loads(last)["issue"]] == [("fatal", "timeout")]


def test_who_has_it_all_in_the_last_moment_is_told_nothing(api, access, monkeypatch):
    monkeypatch.setattr(streaming, "LONGEST", timedelta(0))
    store(access, observations(streaming.BATCH))

    assert len(lines(api)) == streaming.BATCH


# --- What it costs ---


def test_it_is_read_some_at_a_time(api, access):
    def cost() -> int:
        with CaptureQueriesContext(database) as queries:
            lines(api)
        assert not [query for query in queries if "CURSOR" in (query["sql"] or "")]
        return len(queries)

    store(access, observations(10))
    lines(api)  # the key's last use is noted
    one_batch = cost()
    store(access, [resource("Condition", f"c-{number}") for number in range(streaming.BATCH)])

    assert cost() == one_batch + 2


def test_large_resources_make_smaller_batches(patient, access):
    store(access, [resource("Binary", f"b-{number}", data="x" * (MEGABYTE // 3)) for number in range(10)])

    with closing(RecordStream(Selection(patient))) as stream:
        sizes = [len(part) for part in stream]

    assert len(sizes) == 4
    assert max(sizes) < 1.5 * MEGABYTE


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_memory_is_flat(api, access, encoding):
    """Twenty megabytes are read, of which no more than a few are here at a time."""
    noise = observations(1)[0] | {"note": "".join(chr(33 + number * 7919 % 90) for number in range(20_000))}
    for start in range(0, 1000, 500):
        store(access, [noise | {"id": f"o-{number}"} for number in range(start, start + 500)])
    response = ask(api, Accept_Encoding=encoding)

    tracemalloc.start()
    received = sum(len(part) for part in response)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert encoding == "gzip" or received > 20_000_000
    assert peak < 6 * MEGABYTE


def test_it_is_compressed_for_those_who_take_it(api, access):
    store(access, observations(1200))

    response = ask(api, Accept_Encoding="gzip, br")
    parts = list(response)

    assert response.headers["Content-Encoding"] == "gzip"
    assert "Content-Length" not in response.headers
    content = gzip.decompress(b"".join(parts))
    assert len(b"".join(parts)) < len(content) / 10
    assert [json.loads(line)["id"] for line in content.splitlines()] == [
        f"obs-{number}" for number in reversed(range(1200))
    ]


# --- What happens meanwhile ---


def test_a_patient_who_is_erased_meanwhile_has_no_more_records(api, organization, access):
    store(access, observations(1200))
    parts = iter(ask(api))
    begun = next(parts)

    erase_patient(organization=organization, reference="p-1", now=timezone.now())

    assert b"".join([begun, *parts]).count(b"\n") == streaming.BATCH


def test_what_comes_meanwhile_is_left_to_the_next_time(api, access):
    store(access, observations(600))
    parts = iter(ask(api))
    begun = next(parts)

    store(access, [resource("Condition", "newer")])
    Record.objects.filter(resource_id="obs-0").delete()

    found = [json.loads(line)["id"] for line in b"".join([begun, *parts]).splitlines()]
    assert found == [f"obs-{number}" for number in reversed(range(1, 600))]


# --- On the wire: the web server the product is deployed with ---


@pytest.fixture(scope="module")
def wire(tmp_path_factory, django_db_setup):
    with served(tmp_path_factory.mktemp("wire")) as wire:
        yield wire


def fill(patient: Patient, megabytes: int) -> Connection:
    made = connection_of(patient)
    for start in range(0, megabytes, 10):
        store(made, [resource("Binary", f"b-{start + number}", data="x" * MEGABYTE) for number in range(10)])
    return made


@pytest.fixture
def large(transactional_db, api) -> Connection:
    """Sixty megabytes: more than all buffers on the way hold."""
    from organizations.models import Organization

    return fill(create_patient(organization=Organization.objects.get(), reference="p-1"), 60)


def begin(wire: Wire, api, **headers):
    """The answer's beginning; the rest is there to be read."""
    client = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=30)
    client.request("GET", PATH, headers={"Authorization": f"Bearer {api.key}", "Accept": NDJSON} | headers)
    return client, client.getresponse()


def sessions(state: str = "%") -> int:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE %s", [state]
        )
        return cursor.fetchone()[0]


def stays(is_so: Callable[[], bool]) -> bool:
    """Whether it is so for a second: until all buffers are full, every stream is now and then between two batches."""
    for _ in range(20):
        if not is_so():
            return False
        time.sleep(0.05)
    return True


def test_on_the_wire_all_of_it_arrives(wire, api, large):
    client, response = begin(wire, api)
    with closing(client):
        found = [json.loads(line)["id"] for line in response]

    assert response.status == 200
    assert response.getheader("Transfer-Encoding") == "chunked"
    assert found == [f"b-{number}" for number in reversed(range(60))]


def test_slow_readers_hold_no_connection_to_the_database_and_nobody_up(wire, api, large):
    others = workspaces()
    for patient in Patient.objects.exclude(pk=large.patient_id):
        fill(patient, 20)
    before = sessions()
    with ExitStack() as readers:
        for another in others * streaming.AT_ONCE_OF_ONE_WORKSPACE:
            client, response = begin(wire, another)
            readers.callback(client.close)
            assert response.read(10)
        eventually(lambda: stays(lambda: sessions("idle in transaction%") == 0 and sessions() <= before + 1))
        answers = [wire.request(f"GET {PATH}?count=1 HTTP/1.1", [("Authorization", f"Bearer {api.key}")])
                   for _ in range(5)]  # fmt: skip
        assert [status for status, *_ in answers] == [200] * 5
        client, refused = begin(wire, api)
        readers.callback(client.close)
        assert refused.status == 503

    for _ in range(100):
        client, response = begin(wire, api)
        client.close()
        if response.status == 200:
            break
        time.sleep(0.1)
    assert response.status == 200, "those who went did not make room"


def test_an_answer_that_breaks_off_says_so_in_its_last_line(wire, api, large):
    client, response = begin(wire, api)
    with closing(client):
        begun = response.readline()
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE records_record RENAME TO records_away")
        try:
            *_, last = response
        finally:
            with database.cursor() as cursor:
                cursor.execute("ALTER TABLE records_away RENAME TO records_record")

    assert json.loads(begun)["resourceType"] == "Binary"
    assert json.loads(last)["resourceType"] == "OperationOutcome"
    assert json.loads(last)["issue"][0]["severity"] == "fatal"


def test_head_on_the_wire_has_no_body(wire, api, large):
    key = ("Authorization", f"Bearer {api.key}")

    status, headers, body = wire.request(f"HEAD {PATH} HTTP/1.1", [key, ("Accept", NDJSON)])

    assert (status, headers["content-type"], body) == (200, NDJSON, b"")
