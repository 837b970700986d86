"""Contract §2: `Idempotency-Key` on every POST (docs/adr/0019)."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone

from flows.models import PatientFlow
from organizations import idempotency
from organizations.models import ApiKey, IdempotencyKey
from organizations.tasks import purge_idempotency_keys
from patients.models import Patient
from tests.conftest import api_of
from tests.contract.routes import operations
from tests.layers import ROOT

FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}
PATIENT = {"patient_id": "p-1", "email": "p@x.example", "metadata": {"z": 1, "a": [1.5, None, "é"]}}
KEY = "4f5ef3f0-5dbd-4b3c-8f9b-0f6f3b6f9a10"


def post(api, path="/patients", body=PATIENT, key=KEY, **headers):
    return api.post(path, body, Idempotency_Key=key, **headers)


@pytest.mark.parametrize(("path", "body"), [("/patients", PATIENT), ("/patient-flows", FLOW), ("/sessions", FLOW)])
def test_the_same_key_and_body_answers_the_stored_response(api, path, body):
    first, second = post(api, path, body), post(api, path, body)

    assert first.status == second.status == 200
    assert second.response.content == first.response.content
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert Patient.objects.count() == 1
    assert PatientFlow.objects.count() == (path != "/patients")


def test_a_replay_has_a_request_id_of_its_own(api):
    first, second = post(api), post(api)

    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


def test_a_replay_shows_what_was_answered_then_and_not_what_is_true_now(api):
    first = post(api)
    Patient.objects.update(email="new@x.example")

    assert post(api).json == first.json


def test_the_order_of_fields_and_the_spaces_between_them_are_no_other_body(api):
    first = api.send("/patients", b'{"patient_id": "p-1", "name": "P"}', Idempotency_Key=KEY)
    second = api.send("/patients", b'{"name":"P",  "patient_id":"p-1"}', Idempotency_Key=KEY)

    assert second.json == first.json
    assert second.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/patients", PATIENT | {"patient_id": "p-2"}),
        ("/patients", PATIENT | {"name": "P"}),
        ("/sessions", FLOW),
    ],
)
def test_the_same_key_and_another_body_or_path_is_409(api, path, body):
    post(api)

    answer = post(api, path, body)

    assert answer.problem == (409, "resource_conflict", "Idempotency-Key")
    assert Patient.objects.count() == 1
    assert PatientFlow.objects.count() == 0


def test_the_same_key_and_body_at_another_address_is_409_and_does_nothing(api):
    first, second = api.post("/sessions", FLOW).json, api.post("/sessions", FLOW).json
    assert post(api, f"/sessions/{first['id']}/expire", {}).json["status"] == "expired"

    answer = post(api, f"/sessions/{second['id']}/expire", {})

    assert answer.problem == (409, "resource_conflict", "Idempotency-Key")
    assert api.get(f"/sessions/{second['id']}").json["status"] == "open"


def test_an_error_is_not_kept_so_that_a_corrected_request_may_use_the_key(api):
    assert post(api, body={"patient_id": ""}).status == 400
    assert post(api, "/sessions", FLOW | {"connection_id": "fhirsrc_" + "a" * 24}).status == 404
    assert IdempotencyKey.objects.count() == 0

    answer = post(api)

    assert answer.status == 200
    assert "Idempotent-Replayed" not in answer.headers


def test_an_error_undoes_what_came_before_it(api, monkeypatch):
    def failing(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("patients.views.patient_out", failing)
    assert post(api).problem == (500, "internal_error", None)
    assert Patient.objects.count() == IdempotencyKey.objects.count() == 0
    monkeypatch.undo()

    assert post(api).status == 200


def test_the_key_belongs_to_the_workspace_and_not_to_the_api_key(api, organization, api_of_other):
    first = post(api)

    assert post(api_of(organization)).headers["Idempotent-Replayed"] == "true"
    theirs = post(api_of_other)
    assert theirs.status == 200
    assert "Idempotent-Replayed" not in theirs.headers
    assert theirs.json["created_at"] != first.json["created_at"]


def test_a_replay_needs_the_scope_that_the_request_needed(api, organization):
    post(api)
    reader = api_of(organization, scopes=["patients:read"])

    assert post(reader).problem == (403, "insufficient_scope", None)


@pytest.mark.parametrize(
    "key", ["", " ", "\t", "x" * 256, "a\x00b", "a\x1fb", "a\x7fb", "schlüssel", "a,b", "a, a", "\ud800"]
)
def test_a_key_is_1_to_255_printable_characters(api, key):
    answer = post(api, "/sessions", FLOW, key=key)

    assert answer.problem == (400, "bad_request", "Idempotency-Key")
    assert PatientFlow.objects.count() == 0


def test_about_patients_a_malformed_key_is_an_invalid_request(api):
    assert post(api, key="").problem == (400, "invalid_request", "Idempotency-Key")


@pytest.mark.parametrize("key", ["x", "x" * 255, '"quoted"', "with spaces inside", "~!@#$%^&*()"])
def test_any_printable_key_will_do(api, key):
    assert post(api, key=key).status == 200
    assert post(api, key=key).headers["Idempotent-Replayed"] == "true"


def test_spaces_around_a_key_are_not_part_of_it(api):
    post(api, key=f" {KEY}")

    assert post(api, key=f"{KEY} \t").headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("path", ["/patients", "/patients/p-1"])
def test_on_get_the_key_is_ignored(api, path):
    api.post("/patients", PATIENT)

    for _ in range(2):
        answer = api.get(path, Idempotency_Key="x" * 300)
        assert answer.status == 200
        assert "Idempotent-Replayed" not in answer.headers
    assert IdempotencyKey.objects.count() == 0


def test_without_a_key_every_post_is_a_new_one(api):
    assert api.post("/sessions", FLOW).json["id"] != api.post("/sessions", FLOW).json["id"]
    assert IdempotencyKey.objects.count() == 0


def test_after_24_hours_the_key_is_new_again(api):
    with time_machine.travel(timezone.now() - timedelta(hours=24, minutes=1)):
        first = post(api, "/sessions", FLOW)

    second = post(api, "/sessions", FLOW)

    assert "Idempotent-Replayed" not in second.headers
    assert second.json["id"] != first.json["id"]
    assert post(api, "/sessions", FLOW).json == second.json


def test_within_24_hours_the_key_is_remembered(api):
    with time_machine.travel(timezone.now() - timedelta(hours=23, minutes=59)):
        first = post(api, "/sessions", FLOW)

    assert post(api, "/sessions", FLOW).json == first.json


def test_old_answers_are_purged_in_batches_and_young_ones_stay(api, monkeypatch):
    monkeypatch.setattr(idempotency, "PURGE_BATCH", 2)
    with time_machine.travel(timezone.now() - timedelta(hours=25)):
        for number in range(5):
            post(api, body={"patient_id": f"old-{number}"}, key=f"old-{number}")
    post(api, key="young")

    purge_idempotency_keys(0)

    assert IdempotencyKey.objects.count() == 1
    assert post(api, key="young").headers["Idempotent-Replayed"] == "true"


def test_an_answer_that_is_not_a_day_old_outlives_the_purge(api):
    with time_machine.travel(timezone.now() - timedelta(hours=23, minutes=59)):
        first = post(api, "/sessions", FLOW)

    purge_idempotency_keys(0)

    assert post(api, "/sessions", FLOW).json == first.json


def test_what_is_kept_is_encrypted_and_the_key_itself_is_not_kept(api):
    # With spaces and dots: what encryption writes may have any few letters by chance.
    post(api, body=PATIENT | {"patient_id": "patient no. 7"}, key="jane.doe@example.com")

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM organizations_idempotencykey")
        row = repr(cursor.fetchall())
    assert "no. 7" not in row
    assert "p@x.example" not in row
    assert "jane.doe" not in row


@pytest.mark.parametrize(("path", "body"), [("/patients", PATIENT), ("/sessions", FLOW)])
def test_the_answers_about_a_patient_can_be_forgotten(api, organization, other_organization, path, body):
    post(api, path, body, key="mine")
    post(api, path, body | {"patient_id": "p-2"}, key="another")

    assert IdempotencyKey.objects.forget_patient(other_organization, "p-1") == 0
    assert IdempotencyKey.objects.forget_patient(organization, "p-1") == 1
    assert IdempotencyKey.objects.filter(answer__isnull=False).count() == 1
    assert not IdempotencyKey.objects.exclude(patient_digest="").filter(answer=None).exists()


@pytest.mark.parametrize(("path", "body"), [("/patients", PATIENT), ("/sessions", FLOW)])
def test_a_retry_that_arrives_after_the_patient_was_erased_does_not_bring_them_back(api, path, body):
    post(api, path, body, key="retried")
    api.delete("/patients/p-1")

    for again in (body, body | {"metadata": {"other": "request"}}):
        assert post(api, path, again, key="retried").problem == (409, "resource_conflict", "Idempotency-Key")
    assert not Patient.objects.exists()
    assert post(api, path, body, key="new").status == 200


def test_another_version_is_another_request(api, monkeypatch):
    from common import versions
    from common.versions.change import Version

    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, Version(date="2027-01-01")])
    post(api)

    assert post(api, Version="2027-01-01").problem == (409, "resource_conflict", "Idempotency-Key")


def test_a_key_costs_a_fixed_number_of_queries(api, django_assert_num_queries):
    api.get("/patients")  # notes that the key was used
    with django_assert_num_queries(8):  # the API key; savepoint, timeout, claim, 2 of the patient, answer, release
        post(api)
    with django_assert_num_queries(6):  # the API key; savepoint, timeout, claim, answer, release
        post(api)


@pytest.fixture
def patience(monkeypatch):
    """Nobody is sent away because the machine is slow."""
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 60)


@pytest.mark.usefixtures("patience")
@pytest.mark.django_db(transaction=True)
def test_twenty_requests_with_one_key_at_once_make_one_object_and_get_one_answer(api):
    together = threading.Barrier(20)

    def send(_) -> tuple[int, bytes, str | None]:
        together.wait()
        try:
            answer = post(api, "/sessions", FLOW)
            return answer.status, answer.response.content, answer.headers.get("Idempotent-Replayed")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))

    assert {status for status, _, _ in answers} == {200}
    assert len({content for _, content, _ in answers}) == 1
    assert [replayed for _, _, replayed in answers].count("true") == 19
    assert PatientFlow.objects.count() == Patient.objects.count() == 1


@pytest.mark.usefixtures("patience")
@pytest.mark.django_db(transaction=True)
def test_of_different_requests_with_one_key_at_once_one_is_done_and_the_others_are_409(api):
    numbers = count()
    together = threading.Barrier(8)

    def send(_) -> int:
        body = {"patient_id": f"p-{next(numbers)}"}
        together.wait()
        try:
            return post(api, body=body).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(8)))

    assert statuses == [200] + [409] * 7
    assert Patient.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_the_same_key_too_long_is_told_to_try_again(api, monkeypatch, organization):
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 1)
    working, done = threading.Event(), threading.Event()

    def work() -> idempotency.Answer:
        working.set()
        done.wait(60)
        return idempotency.Answer(status=200, body={})

    def first() -> None:
        try:
            idempotency.answer_once(organization=organization, key=KEY, request="x", work=work)
        finally:
            connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert working.wait(60)
        answer = post(api)
    finally:
        done.set()
        thread.join()

    assert answer.problem == (503, "service_unavailable", None)
    assert int(answer.headers["Retry-After"]) >= 1
    assert Patient.objects.count() == 0


# A server whose POST stops at a point that the test chose: a trigger waits there for a lock that the test holds.
SERVER = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from tests.api_client import Api
answer = Api(sys.argv[2]).post("/patients", {"patient_id": "p-1"}, Idempotency_Key=sys.argv[3])
print(answer.status, flush=True)
sys.stdin.read()
"""
POINTS = {
    "after the key was claimed": ("organizations_idempotencykey", "AFTER INSERT"),
    "before the object is made": ("patients_patient", "BEFORE INSERT"),
    "after the object was made": ("patients_patient", "AFTER INSERT"),
    "before the answer is stored": ("organizations_idempotencykey", "BEFORE UPDATE"),
    "after the answer was stored": ("organizations_idempotencykey", "AFTER UPDATE"),
}


def server(api) -> subprocess.Popen:
    name = connection.settings_dict["NAME"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TEST_VAR_DIR": os.environ["VAR_DIR"]}
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, name, api.key, KEY],
        cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_any_moment_leaves_nothing_and_the_retry_does_it_once(api, point, stopping_at):
    with stopping_at(*POINTS[point]) as reached:
        process = server(api)
        try:
            reached()
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()

    assert Patient.objects.count() == IdempotencyKey.objects.count() == 0
    answer = post(api, body={"patient_id": "p-1"})
    assert answer.status == 200
    assert "Idempotent-Replayed" not in answer.headers
    assert Patient.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_after_it_was_done_leaves_everything_and_the_retry_gets_the_answer(api):
    process = server(api)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "200\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    answer = post(api, body={"patient_id": "p-1"})

    assert answer.headers["Idempotent-Replayed"] == "true"
    assert answer.json["id"] == "p-1"
    assert Patient.objects.count() == 1


def test_every_post_of_the_api_takes_a_key():
    """None replaces what ApiView does with one."""
    from organizations.api import ApiView

    for operation in operations():
        if operation.method == "POST":
            assert operation.view._answer_once is ApiView._answer_once
            assert operation.view.dispatch is ApiView.dispatch


def test_the_answers_are_the_workspaces_and_go_with_it(api, organization):
    post(api)
    Patient.objects.all().delete()
    ApiKey.objects.all().delete()

    organization.delete()

    assert IdempotencyKey.objects.count() == 0
