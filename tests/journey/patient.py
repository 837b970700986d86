"""A patient with a browser, without a browser: Django's client, cookies, forms, and an eye for bad pages."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from tests.pages import audit


class PatientBrowser:
    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.page: Any = None

    @property
    def text(self) -> str:
        """The last page's words, without tags."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    @property
    def html(self) -> str:
        return self.page.content.decode()

    @property
    def status(self) -> int:
        return self.page.status_code

    @property
    def location(self) -> str:
        return self.page.headers["Location"]

    def open(self, url: str) -> "PatientBrowser":
        """GET without following redirects; audit what comes if it is a page."""
        parts = urlsplit(url)
        self.page = self.client.get(parts.path + (f"?{parts.query}" if parts.query else ""))
        return self._checked()

    def follow(self) -> "PatientBrowser":
        return self.open(self.location)

    def submit(self, path: str, **fields: str) -> "PatientBrowser":
        """POST a form of the last page, with its CSRF token."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.html)
        assert token, "the page has no form to submit"
        self.page = self.client.post(path, {"csrfmiddlewaretoken": token[1], **fields})
        return self._checked()

    def leave_for(self, flow: dict[str, Any], source_id: str) -> str:
        """Choose the source on the flow's pages; the portal's URL that we are sent to."""
        path = urlsplit(flow["url"]).path
        self.open(path).open(f"{path}/confirm?connection_id={source_id}")
        self.submit(f"{path}/connect", connection_id=source_id)
        return self.location

    def _checked(self) -> "PatientBrowser":
        if self.page.headers.get("Content-Type", "").startswith("text/html") and self.html:
            audit(self.html)
        return self
