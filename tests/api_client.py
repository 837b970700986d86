"""The app's server, calling the API."""

import json
from typing import Any

from django.test import Client


class Answer:
    """A response, with its JSON and the parts of its error."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.headers = response.headers
        self.json: Any = json.loads(response.content)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]

    @property
    def problem(self) -> tuple[int, str, str | None]:
        """Status, code and field: what most tests of bad input look at. Checks the envelope on the way."""
        assert set(self.json) == {"error"}, self.json
        assert list(self.error) == ["type", "code", "message", "param", "doc_url", "request_id"]
        assert self.error["request_id"] == self.headers["X-Request-Id"]
        assert self.error["doc_url"].endswith(f"/errors/{self.error['code']}")
        assert self.error["message"]
        return self.status, self.error["code"], self.error["param"]


class Api:
    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Answer:
        return Answer(self.client.get(path, query or {}, headers=self._headers(headers)))

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send(path, json.dumps(body).encode("utf-8", "surrogatepass"), **headers)

    def send(self, path: str, body: bytes, content_type: str = "application/json", **headers: str) -> Answer:
        """POST raw bytes."""
        return Answer(self.client.post(path, body, content_type=content_type, headers=self._headers(headers)))

    def request(self, method: str, path: str, **headers: str) -> Answer:
        return Answer(self.client.generic(method, path, headers=self._headers(headers)))

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        sent = json.dumps(body).encode("utf-8", "surrogatepass")
        return Answer(self.client.put(path, sent, content_type="application/json", headers=self._headers(headers)))

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        sent = json.dumps(body).encode("utf-8", "surrogatepass")
        return Answer(self.client.patch(path, sent, content_type="application/json", headers=self._headers(headers)))

    def delete(self, path: str, **headers: str) -> Answer:
        return self.request("DELETE", path, **headers)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        own = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return own | {name.replace("_", "-"): value for name, value in more.items()}
