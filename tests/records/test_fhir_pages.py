"""What of a page can be kept, and where it goes on."""

import json

import pytest

from records.fhir import Final
from records.fhir.pages import MAX_BINARY_BYTES, MAX_ENTRIES, page_of_content
from records.fhir.reading import MAX_COMMAS, MAX_CONTAINERS
from records.fhir.references import MAX_DEPTH
from records.verdicts import Verdict
from tests.records.pages import ASKED, BASE, TOKEN, ids, observation, page, stored
from tests.records.server import bundle, outcome


def test_a_page_is_kept_letter_by_letter():
    text = '{"resourceType":"Bundle", "entry":[{"resource":{"resourceType":"A","id":"1","value":1.00}}]}'

    assert page(text).text == text


def test_resources_of_any_type_count_each_where_it_stands():
    found = page(bundle(observation(1), {"resourceType": "Practitioner", "id": "2"})).found

    assert [(one.resource_type, one.resource_id, one.index) for one in found] == [
        ("Observation", "1", 0),
        ("Practitioner", "2", 1),
    ]


@pytest.mark.parametrize("body", ['{"resourceType":"Bundle"}', '{"resourceType":"Bundle","entry":null}', bundle()])
def test_a_bundle_without_entries_is_an_empty_page(body):
    empty = page(body)

    assert (empty.found, empty.unusable, empty.next_url, empty.problem) == ((), 0, None, None)


def test_of_duplicates_the_last_counts():
    [found] = page(bundle(observation(1), observation(1))).found

    assert found.index == 1


def test_ids_of_more_than_90_characters_are_taken():
    assert ids(page(bundle(observation("e" * 95)))) == ["e" * 95]


@pytest.mark.parametrize(
    "resource",
    [
        None,
        7,
        "text",
        [],
        {},
        {"resourceType": "Observation"},
        {"id": "1"},
        {"resourceType": "Observation", "id": 1},
        {"resourceType": "Observation", "id": ""},
        {"resourceType": "Observation", "id": "a/b"},
        {"resourceType": "Observation", "id": "x" * 257},
        {"resourceType": ["Observation"], "id": "1"},
        {"resourceType": "No Type", "id": "1"},
        {"resourceType": "x" * 65, "id": "1"},
    ],
)
def test_what_cannot_be_kept_is_counted_and_the_rest_is_kept(resource):
    of = page(bundle(observation(1), resource, observation(2)))

    assert (ids(of), of.unusable) == (["1", "2"], 1)


@pytest.mark.parametrize("entry", [None, 7, "text", [], {}, {"fullUrl": "x"}])
def test_an_entry_may_be_anything(entry):
    of = page({"resourceType": "Bundle", "entry": [entry, {"resource": observation(1)}]})

    assert (ids(of), of.unusable) == (["1"], 1)


def test_outcomes_among_the_entries_are_words_and_no_records():
    content = bundle(
        observation(1), outcome("Some results\nwere left out."), outcome(f"Token {TOKEN} may not see all.")
    )
    content["entry"].append({"resource": observation(2), "search": {"mode": "outcome"}})

    of = page(content)

    assert (ids(of), of.unusable) == (["1"], 0)
    assert of.words == "Some results were left out. Token … may not see all."


def test_words_are_bounded():
    assert len(page(bundle(*[outcome(f"{n}" * 300) for n in range(9)])).words) == 500


def test_a_single_resource_is_a_page_of_one():
    of = page('{"resourceType":"Observation","id":"1","value":1.00}')

    assert ids(of) == ["1"]
    assert json.loads(of.text)["entry"][0]["resource"]["id"] == "1"
    assert '"value":1.00' in of.text


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"", Verdict.NOT_FHIR),
        (b"null", Verdict.NOT_FHIR),
        (b"[]", Verdict.NOT_FHIR),
        (b"[NaN]", Verdict.NOT_FHIR),
        (b"7", Verdict.NOT_FHIR),
        (b'"text"', Verdict.NOT_FHIR),
        (b"{}", Verdict.NOT_FHIR),
        (b'{"resourceType": 7}', Verdict.NOT_FHIR),
        (b'{"resourceType": "Bundle", "entry": {}}', Verdict.NOT_FHIR),
        (b'{"resourceType": "Bundle"} more}', Verdict.NOT_FHIR),
        (b'{"resourceType": "Bundle", "id": "raw \x00 byte"}', Verdict.NOT_FHIR),
        (b'{"resourceType": "Bundle", "id": "\xff\xfe"}', Verdict.NOT_FHIR),
        (b'{"resourceType": "Bundle", "id": "\xed\xa0\x80"}', Verdict.NOT_FHIR),
        ('{"resourceType": "Bundle"}'.encode("utf-16"), Verdict.NOT_FHIR),
        (b'{"resourceType": "Bundle", "entry": [', Verdict.NOT_FHIR),
        (b"<html>Sign in</html>", Verdict.NOT_FHIR),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', Verdict.NOT_FHIR),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, Verdict.NOT_FHIR),
        (b"[" * 200_000 + b"]" * 200_000, Verdict.NOT_FHIR),
        (json.dumps(outcome("No.")).encode(), Verdict.OUTCOME),
        (b'{"resourceType":"Bundle","entry":[' + b"{}," * MAX_CONTAINERS + b"{}]}", Verdict.TOO_LARGE),
        (b'{"resourceType":"Bundle","total":[' + b"0," * MAX_COMMAS + b"0]}", Verdict.TOO_LARGE),
        (b'{"resourceType":"Bundle","entry":[' + b"7," * MAX_ENTRIES + b"7]}", Verdict.TOO_LARGE),
    ],
)
def test_what_is_no_page_is_final(body, verdict):
    with pytest.raises(Final) as problem:
        page(body)

    assert problem.value.verdict == verdict


def test_a_byte_order_mark_is_passed_over():
    of = page(b"\xef\xbb\xbf" + json.dumps(bundle(observation(1))).encode())

    assert ids(of) == ["1"]
    assert of.text.startswith("{")


@pytest.mark.parametrize(
    "value",
    [
        r'"a\u0000b"',
        r'"\\\u0000"',
        r'"\ud83d"',
        r'"\ude00"',
        r'"\uDE00\uD83D"',
        r'"\ud83d\ud83d\ude00"',
        r'{"\u0000": 1}',
        r'{"twice": "\u0000", "twice": "fine"}',
        "NaN",
        "-Infinity",
        "1e400000",
        "1E-400000",
        "1e131071",
        "1e0000100",
        "1e99",
        "1E+30",
        "1.5e-030",
        "9" * 5000,
        "0." + "1" * 20000,
    ],
)
def test_what_postgresql_would_not_take_is_cut_out_and_the_rest_stays_letter_by_letter(db, value):
    good = r'{"resource":{"resourceType":"Observation","id":"%s","value":[1.00, "\ud83d\ude00 \\u0000 ,]}"]}}'
    bad = '{"resource":{"resourceType":"Observation","id":"bad","value":%s}}'
    text = '{"resourceType":"Bundle", "x": {"a": [1, {}]} ,\n"entry" : [ %s ,%s\n, %s ], "y": null }'

    of = page(text % (good % 1, bad % value, good % 2))

    assert ([(one.resource_id, one.index) for one in of.found], of.unusable) == ([("1", 0), ("2", 2)], 1)
    assert good % 1 in of.text
    first, second, third = stored(of.text)
    assert "1.00" in first
    assert second == "null"
    assert "1.00" in third


@pytest.mark.parametrize("value", [r'"\u0000"', "1e400000", "NaN"])
def test_what_cannot_be_stored_beside_the_entries_costs_no_entry(db, value):
    entry = '{"resource":{"resourceType":"A","id":"1"}}'
    of = page(f'{{"resourceType":"Bundle","total":{value},"entry":[{entry}]}}')

    assert (ids(of), of.unusable) == (["1"], 0)
    assert len(stored(of.text)) == 1


def test_a_single_resource_that_cannot_be_stored_is_counted(db):
    of = page(r'{"resourceType":"Observation","id":"1","text":"\u0000"}')

    assert (of.found, of.unusable, stored(of.text)) == ((), 1, [])


def test_of_two_lists_of_entries_the_last_counts(db):
    entry = '[{"resource":{"resourceType":"A","id":"%s","value":"%s"}}]'
    first, second = entry % (1, r"\u0000"), entry % (2, "fine")
    of = page(f'{{"resourceType":"Bundle","entry":{first},"entry":{second}}}')

    assert ids(of) == ["2"]
    assert '"id": "2"' in stored(of.text)[0]


@pytest.mark.parametrize("number", ["1e29", "1e-29", "9E+029"])
def test_a_number_is_never_stored_much_longer_than_it_came(db, number):
    numbers = ",".join([number] * 1_000)
    entry = f'{{"resource":{{"resourceType":"A","id":"1","v":[{numbers}]}}}}'

    [kept] = stored(page(f'{{"resourceType":"Bundle","entry":[{entry}]}}').text)

    assert len(kept) < 7 * len(entry)


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        (r"\\\ud83d\ude00", True),
        (r"\ud83d\ude00\ud83d\ude00", True),
        (r"\\ud83d \\\\u0000", True),
        (r"\ud83d\\\ude00", False),
        (r"\ud83d\\ude00", False),
        (r"\ud83d\n\ude00", False),
        (r"\ud83d\ude00\ude00", False),
        (r"\\\\\u0000", False),
    ],
)
def test_what_counts_as_an_escape_is_what_counts_for_postgresql(db, value, is_kept):
    of = page(f'{{"resourceType":"Bundle","entry":[{{"resource":{{"resourceType":"A","id":"1","v":"{value}"}}}}]}}')

    assert bool(of.found) is is_kept
    assert len(stored(of.text)) == 1


def test_emoji_and_escaped_backslashes_are_stored_as_they_are(db):
    text = r'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"A","id":"1","v":"\ud83d\ude00 \\u0000"}}]}'

    assert page(text).text == text
    assert "😀" in stored(text)[0]


def test_numbers_keep_their_digits(db):
    numbers = "1.00,-0.0,6.02214076e+23,1E-9,1e029"
    text = f'{{"resourceType":"Bundle","entry":[{{"resource":{{"resourceType":"A","id":"1","v":[{numbers}]}}}}]}}'

    assert page(text).text == text
    assert "1.00" in stored(text)[0]


def test_nesting_has_a_limit_that_real_resources_are_far_from(db):
    def nested(depth: int):
        value = "x"
        for _ in range(depth):
            value = {"extension": [value]}
        return value

    of = page(bundle(observation(1, v=nested(MAX_DEPTH // 2 - 1)), observation(2, v=nested(MAX_DEPTH))))

    assert (ids(of), of.unusable) == (["1"], 1)
    assert len(stored(of.text)) == 2


def test_the_next_page_is_named_by_the_bundle():
    assert page(bundle(next_url=f"{BASE}?_getpages=2")).next_url == f"{BASE}?_getpages=2"
    assert page(bundle(next_url="?page=2")).next_url == f"{ASKED.partition('?')[0]}?page=2"


def test_a_next_page_elsewhere_is_a_problem_of_a_page_that_is_good():
    of = page(bundle(observation(1), next_url="https://elsewhere.example/fhir/r4?page=2"))

    assert (ids(of), of.next_url, of.problem) == (["1"], None, Verdict.ELSEWHERE)


@pytest.mark.parametrize(
    "link", [None, 7, {}, "x", [None], [7], [{"relation": "next"}], [{"relation": "next", "url": 7}], [{"url": "x"}]]
)
def test_links_may_be_anything(link):
    of = page({"resourceType": "Bundle", "link": link})

    assert (of.next_url, of.problem) == (None, None)


def test_the_content_of_a_binary_becomes_a_binary(db):
    of = page_of_content(b"%PDF-1.7", "application/pdf", "b1")

    assert [(one.resource_type, one.resource_id) for one in of.found] == [("Binary", "b1")]
    resource = json.loads(stored(of.text)[0])["resource"]
    assert resource == {
        "resourceType": "Binary",
        "id": "b1",
        "contentType": "application/pdf",
        "data": "JVBERi0xLjc=",
    }


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("", "application/octet-stream"),
        ('text/html"><script>', "application/octet-stream"),
        ("x" * 1000, "application/octet-stream"),
    ],
)
def test_a_label_that_is_no_media_type_is_not_kept(label, kept):
    of = page_of_content(b"x", label, "b1")

    assert json.loads(of.text)["entry"][0]["resource"]["contentType"] == kept


def test_a_document_has_a_limit():
    with pytest.raises(Final) as problem:
        page_of_content(b"x" * (MAX_BINARY_BYTES + 1), "application/pdf", "b1")

    assert problem.value.verdict == Verdict.TOO_LARGE
