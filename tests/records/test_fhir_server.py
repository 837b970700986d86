"""A FHIR server may answer anything: a page or a problem with a name comes of it, and the token goes nowhere else."""

import gzip
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from common.outbound import Limits, Reach
from records.fhir import FhirProblem, FhirServer, Final, QuestionRefused, Temporary, TokenRefused
from records.verdicts import Verdict
from tests.ports import closed_port
from tests.records.server import Asked, Reply, Server, bundle, outcome, reply

TOKEN = "fhir-access-token-of-the-patient"
OBSERVATION = {"resourceType": "Observation", "id": "o1"}
PATIENT = [("patient", "p/1"), ("category", "laboratory"), ("_lastUpdated", "ge2026-01-02T03:04:05+00:00")]


def asking(server: Server, **limits) -> FhirServer:
    return FhirServer(
        server.base, Reach.LOCAL, "p-1", limits=Limits(**{"seconds": 10, "max_bytes": 20 * 1024 * 1024} | limits)
    )


def search(answer: Reply, **limits):
    """Search once at a server that answers so, and see that nobody else got the token."""
    with Server(answer) as server, asking(server, **limits) as fhir:
        page = fhir.search("Observation", PATIENT, TOKEN)
        assert len(server.asked) == 1
        return page


def problem_of(answer: Reply, **limits) -> FhirProblem:
    with pytest.raises(FhirProblem) as raised:
        search(answer, **limits)
    assert TOKEN not in str(raised.value) + raised.value.words
    return raised.value


def test_a_question_is_asked_as_fhir_has_it():
    with Server(reply(bundle(OBSERVATION))) as server, asking(server) as fhir:
        page = fhir.search("Observation", PATIENT, TOKEN)

        [asked] = server.asked
        assert asked.target == (
            "/fhir/r4/Observation?patient=p/1&category=laboratory&_lastUpdated=ge2026-01-02T03:04:05%2B00:00"
        )
        assert asked.headers["accept"] == "application/fhir+json"
        assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert [found.resource_id for found in page.found] == ["o1"]


@pytest.mark.parametrize(
    ("status", "kind", "verdict"),
    [
        (400, QuestionRefused, Verdict.REFUSED),
        (401, TokenRefused, Verdict.NOT_TAKEN),
        (403, Final, Verdict.NOT_PERMITTED),
        (404, Final, Verdict.NOT_SUPPORTED),
        (405, Final, Verdict.NOT_SUPPORTED),
        (408, Temporary, Verdict.UNREACHABLE),
        (410, Final, Verdict.GONE),
        (418, Final, Verdict.REFUSED),
        (422, QuestionRefused, Verdict.REFUSED),
        (429, Temporary, Verdict.RATE_LIMITED),
        (500, Temporary, Verdict.PORTAL_FAILED),
        (501, Final, Verdict.NOT_SUPPORTED),
        (502, Temporary, Verdict.PORTAL_FAILED),
        (503, Temporary, Verdict.PORTAL_FAILED),
        (504, Temporary, Verdict.PORTAL_FAILED),
        (599, Temporary, Verdict.PORTAL_FAILED),
        (304, Final, Verdict.REFUSED),
    ],
)
def test_each_status_has_its_meaning(status, kind, verdict):
    problem = problem_of(reply(outcome(f"Not with {TOKEN}, no.") if status != 304 else "", status))

    assert (type(problem), problem.verdict) == (kind, verdict)
    assert problem.words == ("Not with …, no." if status != 304 else "")


@pytest.mark.parametrize(
    ("status", "challenge", "kind", "verdict"),
    [
        (401, 'Bearer error="insufficient_scope"', Final, Verdict.NOT_PERMITTED),
        (401, 'Bearer error="invalid_token"', TokenRefused, Verdict.NOT_TAKEN),
        (403, 'Bearer error="invalid_token"', TokenRefused, Verdict.NOT_TAKEN),
        (400, 'Bearer error="invalid_token"', TokenRefused, Verdict.NOT_TAKEN),
        (500, 'Bearer error="invalid_token"', Temporary, Verdict.PORTAL_FAILED),
    ],
)
def test_what_a_challenge_says_counts_for_more_than_its_status(status, challenge, kind, verdict):
    problem = problem_of(reply("", status, WWW_Authenticate=challenge))

    assert (type(problem), problem.verdict) == (kind, verdict)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("30", timedelta(seconds=30)),
        (" 30 ", timedelta(seconds=30)),
        ("0", timedelta(0)),
        ("999999999", timedelta(hours=1)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
        ("Thu, 01 Jan 2099 00:00:00 GMT", timedelta(hours=1)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_within_bounds(status, header, wait):
    headers = {} if header is None else {"Retry_After": header}

    assert problem_of(reply("", status, **headers)).retry_after == wait


def test_a_date_to_come_back_at_is_counted_from_now():
    when = datetime.now(UTC) + timedelta(minutes=5)

    wait = problem_of(reply("", 429, Retry_After=format_datetime(when, usegmt=True))).retry_after

    assert timedelta(minutes=4) < wait <= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"resourceType": "OperationOutcome", "issue": [{"details": {"text": "Too\nmany."}}]}, "Too many."),
        ({"error": "invalid_request", "error_description": "A parameter is missing."}, "A parameter is missing."),
        ({"error": "invalid_request"}, "invalid_request"),
        ({"error": {"code": 7}}, ""),
        (outcome("x" * 900), "x" * 500),
        (outcome("\x00\x1b[31m red \u202e"), "[31m red"),
        ({"resourceType": "OperationOutcome", "issue": [None, 7, {"details": 7, "diagnostics": []}]}, ""),
        ({"resourceType": "OperationOutcome", "issue": "no"}, ""),
        ("<html>Error</html>", ""),
        (b"\xff\xfe", ""),
        ("[" * 100_000, ""),
        ("7", ""),
        (outcome("x" * 200_000), ""),
    ],
)
def test_the_portals_words_are_fit_to_be_read(body, words):
    assert problem_of(reply(body, 400)).words == words


def test_a_server_that_drips_is_cut_off_in_time():
    began = time.monotonic()

    problem = problem_of(Reply(reply(bundle(OBSERVATION)).raw, drips=True), seconds=0.4)

    assert (type(problem), problem.verdict) == (Temporary, Verdict.UNREACHABLE)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"resourceType":"Bundle"}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n{"resourceType":"Bundle"}\r\n',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"resourceType":"Bundle","entry":[{',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
    ],
)
def test_an_answer_that_was_cut_off_or_garbled_may_be_whole_next_time(raw):
    problem = problem_of(Reply(raw, closes=True))

    assert (type(problem), problem.verdict) == (Temporary, Verdict.UNREACHABLE)


def test_a_server_that_is_not_there_may_be_there_next_time():
    with (
        closed_port() as port,
        FhirServer(f"http://127.0.0.1:{port}/fhir", Reach.LOCAL, "p-1") as fhir,
        pytest.raises(Temporary) as problem,
    ):
        fhir.search("Observation", PATIENT, TOKEN)

    assert problem.value.verdict == Verdict.UNREACHABLE


@pytest.mark.parametrize("body", ["<!DOCTYPE html><p>Sign in", "", "null", "[]", "7", '"text"', b'{"a": "\xff"}'])
@pytest.mark.parametrize("label", ["text/html", "application/fhir+json"])
def test_a_success_that_is_no_fhir_is_none(body, label):
    problem = problem_of(reply(body, content_type=label))

    assert (type(problem), problem.verdict) == (Final, Verdict.NOT_FHIR)


@pytest.mark.parametrize(
    "label",
    ["application/json", "application/json+fhir", "text/json", "text/html", "application/octet-stream", "", "?;;="],
)
def test_fhir_is_fhir_whatever_its_label_says(label):
    assert search(reply(bundle(OBSERVATION), content_type=label)).found


def test_a_success_that_is_an_outcome_is_a_problem_in_the_portals_words():
    problem = problem_of(reply(outcome(f"Try later, {TOKEN}.")))

    assert (type(problem), problem.verdict, problem.words) == (Final, Verdict.OUTCOME, "Try later, ….")


def test_no_content_is_an_empty_page():
    assert search(Reply(b"HTTP/1.1 204 No Content\r\n\r\n")).found == ()


def test_gzip_is_understood():
    body = gzip.compress(json.dumps(bundle(OBSERVATION)).encode())

    assert search(reply(body, Content_Encoding="gzip")).found


@pytest.mark.parametrize(
    "answer",
    [
        reply(b'{"a":"' + b"x" * 50_000_000 + b'"}'),
        reply(gzip.compress(b"[" * 100_000_000, 1), Content_Encoding="gzip"),
    ],
    ids=["50 MB", "gzip bomb"],
)
def test_too_much_is_not_read_to_its_end(answer):
    problem = problem_of(answer)

    assert (type(problem), problem.verdict) == (Final, Verdict.TOO_LARGE)


@pytest.fixture
def elsewhere():
    with Server(reply(bundle(OBSERVATION))) as another:
        yield another


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_takes_the_token_nowhere(elsewhere, status):
    problem = problem_of(reply("", status, Location=f"{elsewhere.base}/Observation"))

    assert (type(problem), problem.verdict) == (Final, Verdict.ELSEWHERE)
    assert elsewhere.asked == []


def test_pages_are_followed_over_one_connection():
    def answer(asked: Asked) -> Reply:
        number = int(asked.target.partition("page=")[2] or 1)
        following = {1: "?page=2", 2: f"{server.base}?page=3", 3: None}[number]
        return reply(bundle({"resourceType": "Observation", "id": f"o{number}"}, next_url=following))

    with Server(answer) as server, asking(server) as fhir:
        page = fhir.search("Observation", PATIENT, TOKEN)
        ids = [found.resource_id for found in page.found]
        while page.next_url:
            page = fhir.follow(page.next_url, TOKEN)
            ids += [found.resource_id for found in page.found]

        assert ids == ["o1", "o2", "o3"]
        assert {asked.connection for asked in server.asked} == {1}
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {TOKEN}"}


def test_a_next_page_elsewhere_is_neither_offered_nor_followed(elsewhere):
    page = search(reply(bundle(OBSERVATION, next_url=f"{elsewhere.base}/Observation?page=2")))

    assert (page.next_url, page.problem, len(page.found)) == (None, Verdict.ELSEWHERE, 1)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "spoilt",
    [
        "{elsewhere}/fhir/r4/Observation",
        "{server}/admin",
        "{server}/fhir/r4/../../admin",
        "{server}/fhir/r4/%2e%2e/%2e%2e/admin",
        "{server}/fhir/r4/..%2f..%2fadmin",
        "{server}/fhir/r4\\..\\admin",
        "http://{server_host}@{elsewhere_host}/fhir/r4/",
        "http://{elsewhere_host}\\@{server_host}/fhir/r4/",
        "https://{server_host}/fhir/r4/",
        "ftp://{server_host}/fhir/r4/",
        "/fhir/r4/",
        "",
        "http://[",
        "http://127.0.0.1:x/fhir/r4/",
    ],
)
def test_no_address_but_the_servers_own_is_ever_asked(elsewhere, spoilt):
    with Server(reply(bundle())) as server, asking(server) as fhir:
        hosts = {"server_host": server.origin[7:], "elsewhere_host": elsewhere.origin[7:]}
        url = spoilt.format(server=server.origin, elsewhere=elsewhere.origin, **hosts)
        with pytest.raises(Final) as problem:
            fhir.follow(url, TOKEN)

        assert problem.value.verdict == Verdict.ELSEWHERE
        assert server.asked == elsewhere.asked == []


def test_a_production_source_on_this_machine_is_not_asked():
    with Server(reply(bundle())) as server, FhirServer(server.base, Reach.PUBLIC, "p-1") as fhir:
        with pytest.raises(Temporary):
            fhir.search("Observation", PATIENT, TOKEN)

        assert server.asked == []


def test_a_resource_is_read_by_type_and_id():
    with Server(reply({"resourceType": "Location", "id": "a?b#c%"})) as server, asking(server) as fhir:
        page = fhir.read("Location", "a?b#c%", TOKEN)

        assert server.asked[0].target == "/fhir/r4/Location/a%3Fb%23c%25"
    assert [(found.resource_type, found.resource_id, found.index) for found in page.found] == [
        ("Location", "a?b#c%", 0)
    ]


def read(answer: Reply, resource_type="Location", resource_id="l1"):
    with Server(answer) as server, asking(server) as fhir:
        return fhir.read(resource_type, resource_id, TOKEN)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"resourceType": "Practitioner", "id": "l1"}, Verdict.NOT_FHIR),
        ({"resourceType": "Location", "id": "another"}, Verdict.NOT_FHIR),
        (bundle({"resourceType": "Location", "id": "l1"}), Verdict.NOT_FHIR),
        ("<html>", Verdict.NOT_FHIR),
        ("", Verdict.NOT_FHIR),
        (outcome("No."), Verdict.OUTCOME),
    ],
)
def test_another_resource_than_the_one_asked_for_is_no_answer(body, verdict):
    with pytest.raises(Final) as problem:
        read(reply(body))

    assert problem.value.verdict == verdict


def test_a_resource_without_an_id_cannot_be_kept():
    page = read(reply({"resourceType": "Location"}))

    assert (page.found, page.unusable) == ((), 1)


def test_what_is_about_another_patient_is_not_kept_however_it_was_asked_for():
    theirs = {"resourceType": "DocumentReference", "id": "l1", "subject": {"reference": "Patient/p-2"}}

    for page in (search(reply(bundle(theirs))), read(reply(theirs), "DocumentReference")):
        assert (page.found, page.unusable) == ((), 1)


@pytest.mark.parametrize("resource_id", ["", "..", "a/b", "a\n"])
def test_what_is_no_id_is_not_asked_for(resource_id):
    with Server(reply()) as server, asking(server) as fhir:
        with pytest.raises(Final):
            fhir.read("Location", resource_id, TOKEN)

        assert server.asked == []


@pytest.mark.parametrize("label", ["application/fhir+json", "application/octet-stream", "application/pdf"])
def test_a_binary_may_come_as_fhir_whatever_its_label_says(label):
    binary = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "eA=="}

    assert json.loads(read(reply(binary, content_type=label), "Binary", "b1").text)["entry"][0]["resource"] == binary


@pytest.mark.parametrize(
    ("body", "label"), [(b"%PDF-\xff\x00", "application/pdf"), ("<p>Note</p>", "text/html"), ('{"a": 1}', "text/plain")]
)
def test_a_binary_may_come_as_what_it_holds(body, label):
    [entry] = json.loads(read(reply(body, content_type=label), "Binary", "b1").text)["entry"]

    assert entry["resource"]["contentType"] == label


@pytest.mark.parametrize(
    ("body", "label", "verdict"),
    [
        (outcome("No."), "text/plain", Verdict.OUTCOME),
        ("<p>", "application/fhir+json", Verdict.NOT_FHIR),
        (b"", "application/pdf", Verdict.NOT_FHIR),
        (b"x" * (10 * 1024 * 1024 + 1), "application/pdf", Verdict.TOO_LARGE),
    ],
)
def test_what_is_no_binary_is_none(body, label, verdict):
    with pytest.raises(Final) as problem:
        read(reply(body, content_type=label), "Binary", "b1")

    assert problem.value.verdict == verdict


@pytest.mark.parametrize(
    ("answer", "types"),
    [
        (
            reply(
                {
                    "resourceType": "CapabilityStatement",
                    "rest": [
                        {
                            "resource": [
                                {"type": "Patient", "interaction": [{"code": "read"}]},
                                {"type": "Observation", "interaction": [{"code": "read"}, {"code": "search-type"}]},
                                {"type": "Condition"},
                                {"type": 7},
                                None,
                            ]
                        },
                        7,
                    ],
                }
            ),
            {"Observation", "Condition"},
        ),
        (reply({"resourceType": "CapabilityStatement"}), None),
        (reply({"rest": {"resource": []}}), None),
        (reply("[]"), None),
        (reply("<html>"), None),
        (reply("", 404), None),
        (reply("", 503), None),
        (reply("", 302, Location="http://127.0.0.1:9/"), None),
        (Reply(b"", closes=True), None),
    ],
)
def test_a_server_says_what_can_be_searched_for_or_nothing(answer, types):
    with Server(answer) as server, asking(server) as fhir:
        assert fhir.supported_types() == types

        assert server.asked[0].target == "/fhir/r4/metadata"
        assert "authorization" not in server.asked[0].headers


def test_the_token_is_in_no_log_line_and_no_repr(caplog):
    caplog.set_level(logging.DEBUG)
    with Server(reply(outcome(TOKEN), 500)) as server, asking(server) as fhir:
        with pytest.raises(Temporary) as problem:
            fhir.search("Observation", PATIENT, TOKEN)
        shown = repr(fhir) + repr(problem.value) + repr(vars(problem.value)) + repr(vars(fhir))

    assert TOKEN not in caplog.text + shown
