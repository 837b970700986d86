"""What of a page can be kept, and what else it says to read."""

import json

import pytest
from django.db import connection

from records.fhir import Final, Page
from records.fhir.entries import MAX_REFERENCES
from records.fhir.pages import MAX_BINARY_BYTES, page_of, page_of_content
from records.fhir.reading import MAX_CONTAINERS
from records.fhir.references import FOLLOWED, MAX_DEPTH
from records.verdicts import Verdict
from tests.records.server import bundle, outcome

BASE = "https://portal.example/fhir/r4"
ASKED = f"{BASE}/Observation?patient=1"
TOKEN = "secret-token"


def page(body) -> Page:
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return page_of(body, base_url=BASE, asked=ASKED, token=TOKEN)


def ids(of: Page) -> list[str]:
    return [found.resource_id for found in of.found]


def observation(number, **rest):
    return {"resourceType": "Observation", "id": str(number), **rest}


def references(resource) -> set[tuple[str, str]]:
    return set(page(bundle(observation(1, **resource))).found[0].references)


def stored(text: str) -> list:
    """What PostgreSQL makes of the entries of a page."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM jsonb_array_elements(%s::jsonb -> 'entry') e", [text])
        return [row[0] for row in cursor.fetchall()]


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
        (b"[" * 500_000 + b"]" * 500_000, Verdict.NOT_FHIR),
        (json.dumps(outcome("No.")).encode(), Verdict.OUTCOME),
        (b'{"resourceType":"Bundle","entry":[' + b"{}," * MAX_CONTAINERS + b"{}]}", Verdict.TOO_LARGE),
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


def test_emoji_and_escaped_backslashes_are_stored_as_they_are(db):
    text = r'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"A","id":"1","v":"\ud83d\ude00 \\u0000"}}]}'

    assert page(text).text == text
    assert "😀" in stored(text)[0]


def test_numbers_keep_their_digits(db):
    text = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"A","id":"1","v":[1.00,-0.0,6.02e23,1E-9]}}]}'

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


@pytest.mark.parametrize("kind", sorted(FOLLOWED))
@pytest.mark.parametrize(
    "reference", ["{0}/a-1", "{0}/a-1/_history/3", BASE + "/{0}/a-1", BASE + "/{0}/a-1/_history/3", "{0}/a%2D1"]
)
def test_references_to_what_belongs_to_a_record_are_followed(kind, reference):
    assert references({"performer": [{"reference": reference.format(kind)}]}) == {(kind, "a-1")}


def test_references_are_found_however_deep_they_are():
    assert references({"a": [[{"b": {"c": {"reference": "Location/1"}}}]], "reference": "Medication/2"}) == {
        ("Location", "1"),
        ("Medication", "2"),
    }


def test_a_host_may_be_written_otherwise_in_a_reference():
    assert references({"a": {"reference": "https://PORTAL.example:443/fhir/r4/Location/1"}}) == {("Location", "1")}


@pytest.mark.parametrize(
    "reference",
    [
        "#contained",
        "urn:uuid:8a3b",
        "Patient/1",
        "Encounter/1",
        "Practitioner",
        "Practitioner/",
        "Practitioner/1/extra",
        "Practitioner/..",
        "Practitioner/%2e%2e",
        "Practitioner/a%2Fb",
        "Practitioner?identifier=x|1",
        "practitioner/1",
        f"Practitioner/{'x' * 257}",
        "https://elsewhere.example/fhir/r4/Practitioner/1",
        "http://portal.example/fhir/r4/Practitioner/1",
        "https://portal.example/fhir/r4/x/../Practitioner/1",
        f"{BASE}/Patient/1/Practitioner/1",
        "",
        7,
        None,
        {"reference": []},
    ],
)
def test_other_references_are_not(reference):
    assert references({"performer": {"reference": reference}}) == set()


@pytest.mark.parametrize("url", ["Binary/b1", f"{BASE}/Binary/b1"])
def test_attachments_lead_to_binaries(url):
    document = {"resourceType": "DocumentReference", "id": "1", "content": [{"attachment": {"url": url}}]}
    report = {"resourceType": "DiagnosticReport", "id": "2", "presentedForm": [{"url": url}]}

    for found in page(bundle(document, report)).found:
        assert found.references == {("Binary", "b1")}


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/Binary/b1", "Practitioner/1", "http://x/Binary/", "https://["]
)
def test_other_urls_lead_nowhere(url):
    assert references({"extension": [{"url": url}]}) == set()


def test_one_page_has_us_read_no_more_than_so_many_others_and_says_so():
    many = [observation(n, performer=[{"reference": f"Practitioner/{n}-{m}"} for m in range(101)]) for n in range(10)]

    of = page(bundle(*many))

    assert len(set().union(*(found.references for found in of.found))) == MAX_REFERENCES
    assert len(of.found) == 10
    assert of.problem == Verdict.TOO_LARGE


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
