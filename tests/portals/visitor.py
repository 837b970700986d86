"""A patient without a browser: follows redirects, fills in the sign-in form, and stops where the portal ends."""

import http.client
from collections.abc import Collection
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

LONGEST_WAY = 10


class _Form(HTMLParser):
    """The address and the hidden fields of the form on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given.get("action", "")
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given.get("value", "")


def visit(url: str, origins: Collection[str], answers: dict[str, str]) -> str:
    """The first address outside the origins. A page that asks nothing, or asks twice, is an error."""
    body: str | None = None
    has_answered = False
    for _ in range(LONGEST_WAY):
        if not any(url.startswith(f"{origin}/") for origin in origins):
            return url
        location, page = _load(url, body)
        body = None
        if location is None:
            form = _Form(page)
            assert form.action, f"The portal shows a page that leads nowhere:\n{page}"
            assert not has_answered, f"The portal did not accept the sign-in:\n{page}"
            location, body, has_answered = form.action, urlencode(form.fields | answers), True
        url = urljoin(url, location)
    raise AssertionError("The portal redirects in circles.")


def _load(url: str, body: str | None) -> tuple[str | None, str]:
    """Where the answer leads, and its page."""
    address = urlsplit(url)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    target = f"{address.path}?{address.query}" if address.query else address.path
    try:
        connection.request("GET" if body is None else "POST", target, body, headers)
        answer = connection.getresponse()
        return answer.headers.get("Location"), answer.read().decode()
    finally:
        connection.close()
