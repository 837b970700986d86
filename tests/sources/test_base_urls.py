"""FHIR base URLs: one spelling for one server, because the source's id follows from it."""

import pytest

from sources.base_urls import normalized


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("HTTPS://FHIR.River.example:443/R4/", "https://fhir.river.example/R4"),
        ("https://fhir.river.example./r4", "https://fhir.river.example/r4"),
        ("https://bücher.example/r4", "https://xn--bcher-kva.example/r4"),
        ("https://xn--bcher-kva.example/r4", "https://xn--bcher-kva.example/r4"),
        ("https://ｆhir。river．example/r4", "https://fhir.river.example/r4"),
        ("https://fhir.river.example/a/../r4/.", "https://fhir.river.example/r4"),
        ("https://fhir.river.example/../%2E/a/%2e./r4", "https://fhir.river.example/r4"),
        ("https://fhir.river.example/a//r4", "https://fhir.river.example/a//r4"),
        ("https://fhir.river.example/..a/b.c/...", "https://fhir.river.example/..a/b.c/..."),
        ("https://fhir.river.example:8443", "https://fhir.river.example:8443"),
        ("https://[2001:DB8::1]/r4", "https://[2001:db8::1]/r4"),
    ],
)
def test_a_server_has_one_spelling(written, kept):
    assert normalized(written) == normalized(kept) == kept


@pytest.mark.parametrize(
    "written",
    ["https://fhir.river.example:0/r4", "https://-fhir.river.example/r4", "https://☃.example/r4", "https://./r4"],
)
def test_what_no_server_can_be_at_is_refused_with_a_sentence(written):
    with pytest.raises(ValueError, match=r"FHIR base URL.*\.$"):
        normalized(written)
