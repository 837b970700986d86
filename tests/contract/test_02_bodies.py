"""Contract §2: what a body may be. Whatever it is, the answer is a clear 4xx and nothing is half-written."""

import json
from io import BytesIO

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from common.errors import InvalidRequest, PayloadTooLarge, ProductError
from common.fields import METADATA_BYTES
from common.parsers import MAX_BODY_BYTES, MAX_DEPTH, StrictJSONParser
from flows.models import PatientFlow
from patients.models import Patient

PATHS = ["/patients", "/sessions"]
BAD_REQUEST = {"/patients": "invalid_request", "/sessions": "bad_request"}
FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}

MALFORMED = {
    "nothing": b"",
    "half of it": b'{"patient_id": "p"',
    "more than one": b'{"patient_id": "p"} {}',
    "a comma too many": b'{"patient_id": "p",}',
    "single quotes": b"{'patient_id': 'p'}",
    "a comment": b'{"patient_id": "p"} // the patient',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"7",
    "a form": b"patient_id=p",
    "a byte order mark": b'\xef\xbb\xbf{"patient_id": "p"}',
    "UTF-16": '{"patient_id": "p"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"patient_id": "p"}'.encode("utf-16-le"),
    "UTF-32": '{"patient_id": "p"}'.encode("utf-32"),
    "Latin-1": '{"patient_id": "\u00fc"}'.encode("latin-1"),
    "no text": b"\xff\xfe",
    "a surrogate as bytes": b'{"patient_id": "\xed\xa0\x80"}',
    "a field twice": b'{"patient_id": "a", "patient_id": "b"}',
    "a nested field twice": b'{"patient_id": "p", "metadata": {"a": 1, "a": 2}}',
    "NaN": b'{"patient_id": "p", "metadata": {"a": NaN}}',
    "Infinity": b'{"patient_id": "p", "metadata": {"a": -Infinity}}',
    "1e999": b'{"patient_id": "p", "metadata": {"a": 1e999}}',
    "a huge integer": b'{"patient_id": "p", "metadata": {"a": 1' + b"0" * 30 + b"}}",
    "an integer of 5000 digits": b'{"patient_id": "p", "metadata": {"a": 1' + b"0" * 5000 + b"}}",
    "NUL": b'{"patient_id": "p\\u0000"}',
    "a bare NUL": b'{"patient_id": "p\x00"}',
    "NUL in metadata": b'{"patient_id": "p", "metadata": {"a": "\\u0000"}}',
    "NUL in a name": b'{"patient_id": "p", "metadata": {"\\u0000": 1}}',
    "half a surrogate pair": b'{"patient_id": "p\\ud800"}',
    "the other half": b'{"patient_id": "p", "metadata": {"a": "\\udfff"}}',
    "half a pair in a name": b'{"patient_id": "p", "metadata": {"\\ud800": 1}}',
    "100 levels": b'{"patient_id": "p", "metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
    "10,000 levels": b'{"patient_id": "p", "metadata": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "100,000 lists": b"[" * 100_000,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", MALFORMED)
def test_a_body_that_is_not_good_json_is_400(api, path, kind):
    status, code, _ = api.send(path, MALFORMED[kind]).problem

    assert (status, code) == (400, BAD_REQUEST[path])
    assert not Patient.objects.exists()
    assert not PatientFlow.objects.exists()


def test_a_pair_of_surrogates_is_a_character(api):
    assert api.send("/patients", b'{"patient_id": "\\ud83d\\ude00"}').json["id"] == "\U0001f600"


@pytest.mark.parametrize("size", [256 * 1024 + 1, 10_000_000])
@pytest.mark.parametrize("path", PATHS)
def test_a_body_over_256_kb_is_413(api, path, size):
    answer = api.send(path, b'{"patient_id": "p"' + b" " * (size - 19) + b"}")

    assert answer.problem == (413, "payload_too_large", None)


def test_a_body_of_256_kb_is_taken(api):
    body = b'{"patient_id": "p"' + b" " * (256 * 1024 - 19) + b"}"

    assert len(body) == 256 * 1024
    assert api.send("/patients", body).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
                                          "application/jsonx", "application/fhir+json", "json", ";;;"])  # fmt: skip
def test_another_content_type_is_415(api, content_type):
    answer = api.send("/sessions", json.dumps(FLOW).encode(), content_type=content_type)

    assert answer.problem == (415, "unsupported_media_type", None)
    assert not PatientFlow.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"]
)
def test_a_content_type_may_name_its_charset(api, content_type):
    assert api.send("/sessions", json.dumps(FLOW).encode(), content_type=content_type).status == 200


# --- metadata ---

REFUSED_METADATA = {
    "a list": [],
    "a text": "x",
    "null": None,
    "51 keys": {f"k{number}": 1 for number in range(51)},
    "a key of 41 characters": {"k" * 41: 1},
    "more than 16 KB": {"k": "x" * (METADATA_BYTES - 7)},
    "more than 16 KB of few characters": {"k": "\u00fc" * (METADATA_BYTES // 2)},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", REFUSED_METADATA)
def test_metadata_beyond_its_limits_is_refused(api, path, kind):
    answer = api.post(
        path, (FLOW if path == "/sessions" else {"patient_id": "p"}) | {"metadata": REFUSED_METADATA[kind]}
    )

    assert answer.problem == (400, BAD_REQUEST[path], "metadata")
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {f"k{number}": 1 for number in range(50)},
        {"k" * 40: 1},
        {"k": "x" * (METADATA_BYTES - 8)},
        {"": "an empty key", "\u00fc": [1, 1.5, -0.0, True, None, {"deep": {"er": []}}]},
        {"big": 2**63, "large": -9.2e18, "small": 1e-300, "id": "x", "resource_type": "patient"},
    ],
    ids=["empty", "50 keys", "40 characters", "16 KB", "of all kinds", "numbers and our own words"],
)
def test_metadata_within_its_limits_comes_back_as_it_was_sent(api, metadata):
    assert api.post("/patients", {"patient_id": "p", "metadata": metadata}).json["metadata"] == metadata
    read = api.get("/patients/p").json["metadata"]
    assert read == metadata
    assert api.put("/patients/p", {"patient_id": "p", "metadata": read}).json["metadata"] == metadata


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b'"x"'])
@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_object_is_refused_with_what_to_send(api, path, body):
    assert api.send(path, body).error["message"] == "Send a JSON object."


# --- the parser ---

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(-(2.0**63), 2.0**63, exclude_min=True, exclude_max=True)
    | TEXT,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXT, inside, max_size=4),
    max_leaves=20,
)


def parsed(body: bytes):
    return StrictJSONParser().parse(BytesIO(body))


@given(JSON)
def test_the_parser_reads_all_json_within_limits(value):
    assert parsed(json.dumps(value).encode()) == value
    assert parsed(json.dumps(value, ensure_ascii=False, indent=3).encode()) == value


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()[:-1]))
@example(b"\xef\xbb\xbf{}")
@example(b"-")
@example(b'"\\ud800"')
@example(b"1" * 5000)
@example(b"-1e999")
def test_the_parser_refuses_what_it_does_not_read_and_never_fails(body):
    try:
        value = parsed(body)
    except (ParseError, InvalidRequest, PayloadTooLarge):
        pass  # each of them is an answer; anything else would fail the test
    else:
        assert parsed(json.dumps(value).encode()) == value


@given(st.integers(0, 3 * MAX_DEPTH), st.sampled_from([(b"[", b"]", b"1"), (b'{"a":', b"}", b"1")]))
def test_the_parser_takes_32_levels_and_no_more(depth, brackets):
    opening, closing, inside = brackets
    body = opening * depth + inside + closing * depth
    if depth <= MAX_DEPTH:
        parsed(body)
        return
    with pytest.raises(ProductError, match="32 levels"):
        parsed(body)


@given(st.integers(MAX_BODY_BYTES - 2, MAX_BODY_BYTES + 2))
def test_the_parser_takes_256_kb_to_the_byte(size):
    body = b'"' + b"x" * (size - 2) + b'"'
    if size <= MAX_BODY_BYTES:
        assert len(parsed(body)) == size - 2
        return
    with pytest.raises(ProductError, match="256 KB"):
        parsed(body)


@given(st.floats())
def test_the_parser_takes_numbers_up_to_two_to_the_63_and_no_others(number):
    body = json.dumps({"a": number}).encode()
    if abs(number) < 2**63:
        assert parsed(body) == {"a": number}
        return
    with pytest.raises((ParseError, InvalidRequest)):
        parsed(body)


@pytest.mark.parametrize(
    "number", ["1e19", "9223372036854775808.0", "-1e300", "1e999", "9223372036854775809", "1" * 60, "-" + "1" * 5000]
)
def test_a_number_out_of_range_is_refused_however_it_is_written(api, number):
    body = f'{{"patient_id": "p", "metadata": {{"n": {number}}}}}'

    answer = api.send("/patients", body.encode())

    assert answer.problem == (400, "invalid_request", "metadata.n")
    assert answer.error["message"] == "This number is out of range."
    assert not Patient.objects.exists()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON)
@pytest.mark.parametrize("path", PATHS)
def test_no_json_whatsoever_is_a_failure_of_ours(api, path, body):
    assert api.post(path, body).status in (200, 400, 404, 409)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from(["patient_id", "email", "name", "metadata", "return_url", "expires_in", "patient_email"]), JSON
    )
)
@pytest.mark.parametrize("path", PATHS)
def test_no_value_of_a_field_is_a_failure_of_ours(api, path, fields):
    assert api.post(path, fields).status in (200, 400, 404, 409)
