"""Contract §5: where flows may return to."""

import pytest

from flows.models import PatientFlow

BODY = {"patient_id": "p-1", "return_url": "https://app.example/back"}
GOOD_RETURN_URLS = [
    "https://app.example",
    "https://app.example/back?x=1&y=%20",
    "https://app.example:8443/",
    "http://localhost:3000/back",
    "http://127.0.0.1/back",
    "http://[::1]:3000/",
    "https://xn--bcher-kva.example/",
]
BAD_RETURN_URLS = [
    "http://app.example/",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://app.example/",
    "myapp://back",
    "//app.example/",
    "/back",
    "https://",
    "https:///back",
    "https:app.example",
    "https://user:pass@app.example/",
    "https://user@app.example/",
    "https://app.example/#part",
    "https://app.example/#",
    "https://app.example/a b",
    "https://app.example/\\evil",
    "https://app.example\\@evil.example/",
    "https://app.example/\r\nSet-Cookie: a=b",
    "https://app.example/\x7f",
    "https://app.example/ü",
    "https://app.example:99999/",
    "https://[::1/",
    " https://app.example/",
    "https://app.example/" + "x" * 5000,
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
]


@pytest.mark.parametrize("url", GOOD_RETURN_URLS)
def test_return_urls_that_are_fine(api, url):
    assert api.post("/sessions", BODY | {"return_url": url}).json["return_url"] == url


@pytest.mark.parametrize("url", BAD_RETURN_URLS, ids=lambda url: repr(url)[:40])
def test_return_urls_that_are_refused(api, url):
    assert api.post("/sessions", BODY | {"return_url": url}).problem == (400, "bad_request", "return_url")
    assert not PatientFlow.objects.exists()


def test_a_workspace_that_lists_its_return_origins_returns_nowhere_else(api, organization):
    organization.allowed_return_origins = ["https://app.example", "myapp:"]
    organization.save()

    for good in ("https://app.example/back", "https://APP.example:443/", "myapp://done", "myapp:done?x=1"):
        assert api.post("/sessions", BODY | {"return_url": good}).status == 200
    for bad in ("https://other.example/", "https://app.example:8443/", "other://x", "http://localhost/"):
        assert api.post("/sessions", BODY | {"return_url": bad}).problem == (400, "bad_request", "return_url")
