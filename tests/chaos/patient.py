"""A patient with a browser that keeps cookies: from an app's link to the end of the journey, over HTTP."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

LONGEST_WAY = 10


class _Form(HTMLParser):
    """The address and the hidden fields of the last form on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.fields = given.get("action", ""), {}
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given.get("value", "")


def sign_in(link: str, username: str, password: str) -> None:
    """Go where the link leads and fill in each form, until the patient is back in the app."""
    answers = {"username": username, "password": password, "decision": "allow"}
    with requests.Session() as browser:
        page = browser.get(link, timeout=30)
        for _ in range(LONGEST_WAY):
            assert page.ok, f"{page.status_code} at {page.url}: {page.text[:2000]}"
            form = _Form(page.text)
            if form.action is None:  # the app's own page: nothing more to do
                return
            page = browser.post(urljoin(page.url, form.action or page.url), form.fields | answers, timeout=30)
    raise AssertionError(f"The journey does not end: {page.url}")
