"""The token goes to the FHIR server and nowhere else, however an address is written."""

import pytest

from records.fhir import is_within
from records.fhir.addresses import MAX_ID_LENGTH, is_id, next_within
from records.models import MAX_ID_LENGTH as LONGEST_KEPT

BASE = "https://portal.example/fhir/r4"


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        f"{BASE}/",
        f"{BASE}?_getpages=abc",
        f"{BASE}/Observation?patient=1&_offset=20",
        f"{BASE}/Observation?back=..%2F..%2F",
        "https://PORTAL.example/fhir/r4/Patient/1",
        "HTTPS://portal.example:443/fhir/r4/Patient/1",
        f"{BASE}/Patient/..a",
        f"{BASE}/Patient/a%20b",
    ],
)
def test_the_base_and_what_is_below_it_belong_to_the_server(url):
    assert is_within(BASE, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://portal.example/fhir/r4x/Patient/1",
        "https://portal.example/fhir",
        "https://portal.example/",
        "https://portal.example/FHIR/r4/Patient/1",
        "https://elsewhere.example/fhir/r4/Patient/1",
        "https://portal.example.elsewhere.example/fhir/r4/",
        "https://portal.example./fhir/r4/",
        "https://portal.example:8443/fhir/r4/",
        "https://portal.example:99999/fhir/r4/",
        "http://portal.example/fhir/r4/",
        "ftp://portal.example/fhir/r4/",
        "//portal.example/fhir/r4/",
        "/fhir/r4/",
        "",
        "https:///fhir/r4/",
        "https://[::1/fhir/r4/",
        "https://user@portal.example/fhir/r4/",
        "https://@portal.example/fhir/r4/",
        "https://portal.example:443@elsewhere.example/fhir/r4/",
        "https://portal.example\\@elsewhere.example/fhir/r4/",
        "https://elsewhere.example\\portal.example/fhir/r4/",
        "https://portal.example/fhir/r4\\..\\..\\admin",
        "https://portal.example/fhir/r4/a\\b",
        "https://portal.example/fhir/r4/../../admin",
        "https://portal.example/fhir/r4/./Patient",
        "https://portal.example/fhir/r4/%2e%2e/%2E%2e/admin",
        "https://portal.example/fhir/r4/.%2e/admin",
        "https://portal.example/fhir/r4/..%2f..%2fadmin",
        "https://portal.example/fhir/r4/..%5cadmin",
        "https://portal.example/fhir/r4/%252e%252e/admin",
        "https://portal.example/fhir/r4/..;x/admin",
        "https://portal.example/fhir/r4/\n../admin",
        "https://portal.example/fhir/r4/\x00",
        "https://portal.example\t/fhir/r4/",
        "https://poｒtal.example/fhir/r4/",
        "https://ⓟortal.example/fhir/r4/",
    ],
)
def test_anything_else_does_not(url):
    assert not is_within(BASE, url)


def test_a_base_without_a_path_is_the_whole_host():
    assert is_within("https://portal.example", "https://portal.example/Patient/1")
    assert not is_within("https://portal.example", "https://portal.example/../Patient/1")


@pytest.mark.parametrize(
    ("link", "url"),
    [
        (f"{BASE}/Observation?page=2", f"{BASE}/Observation?page=2"),
        (f" {BASE}?_getpages=2\n", f"{BASE}?_getpages=2"),
        ("?page=2", f"{BASE}/Observation?page=2"),
        ("Observation?page=2", f"{BASE}/Observation?page=2"),
        ("/fhir/r4/Observation?page=2", f"{BASE}/Observation?page=2"),
        ("//portal.example/fhir/r4/Observation?page=2", f"{BASE}/Observation?page=2"),
        ("http://portal.example/fhir/r4/Observation?page=2", f"{BASE}/Observation?page=2"),
        ("http://portal.example:80/fhir/r4?page=2", f"{BASE}?page=2"),
        ("http://portal.example:8080/fhir/r4?page=2", None),
        ("http://elsewhere.example/fhir/r4?page=2", None),
        ("https://elsewhere.example/fhir/r4?page=2", None),
        ("//elsewhere.example/fhir/r4?page=2", None),
        ("/admin", None),
        ("../admin", None),
        ("javascript:alert(1)", None),
        ("https://[", None),
        ("http://portal.example:x/fhir/r4", None),
        ("https://user:secret@portal.example/fhir/r4?page=2", None),
    ],
)
def test_a_next_link_may_be_relative_and_is_never_asked_in_clear(link, url):
    assert next_within(BASE, f"{BASE}/Observation?patient=1", link) == url


@pytest.mark.parametrize("text", ["a", "-1", "é", "a.b", "a?b#c%", "x" * MAX_ID_LENGTH, "eL2" * 31])
def test_ids_are_as_portals_have_them(text):
    assert is_id(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a/b", "a b", "a\n", "a\x00", "a\ud800", "a\u2028", "x" * (MAX_ID_LENGTH + 1), 7, None, []]
)
def test_what_could_be_mistaken_for_something_else_is_no_id(text):
    assert not is_id(text)


def test_every_id_has_room_where_records_are_kept():
    assert MAX_ID_LENGTH == LONGEST_KEPT
