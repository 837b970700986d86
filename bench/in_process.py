"""Requests to the API in this process: the product's own code without a server and the middleware around it."""

import json
from typing import Any

from django.conf import settings
from django.test import RequestFactory
from django.urls import resolve


class Caller:
    """An app's server with its key."""

    def __init__(self, secret: str) -> None:
        self.factory = RequestFactory(SERVER_NAME="127.0.0.1")
        self.headers = {"Authorization": f"Bearer {secret}"}

    def get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return self._answered(self.factory.get(path, query or {}, headers=self.headers))

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def send(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Headers are given with underscores. Raises RuntimeError for every answer but 200."""
        named = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else json.dumps(body).encode()
        return self._answered(
            self.factory.generic(method, path, content, content_type="application/json", headers=named)
        )

    def _answered(self, request: Any) -> Any:
        request.request_id = "00000000-0000-4000-8000-000000000000"
        found = resolve(request.path_info, settings.ROOT_URLCONF)
        request.resolver_match = found
        response = found.func(request, *found.args, **found.kwargs)
        if hasattr(response, "render"):
            response.render()
        if response.status_code != 200:
            raise RuntimeError(f"{request.method} {request.path_info}: {response.status_code} {response.content!r}")
        return json.loads(response.content)
