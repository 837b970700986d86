"""What wraps every request: its id, its access log line, and the browser policy of each page."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from functools import lru_cache

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

from common.handlers import bad_request, health, is_for_staff
from common.logs import current_request_id

access_log = logging.getLogger("medblocks.access")

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Gives each request an id: the caller's own `X-Request-Id` if it is a UUID, else a new one.

    The id is on the response, in the error envelope and in every log line of the request.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _well_formed(request.headers.get("X-Request-Id", "")) or str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]
        current_request_id.set(request_id)
        started = time.monotonic()
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        self._log(request, response, time.monotonic() - started)
        # The id is not taken back: Django still logs 4xx and 5xx after this, and the next request sets its own.
        return response

    def _log(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        # The route, never the path: paths carry link tokens, queries carry codes.
        match = request.resolver_match
        access_log.info(
            "%s %s %s",
            request.method,
            match.route if match else "-",
            response.status_code,
            extra={"duration_ms": round(seconds * 1000, 1)},
        )


class HealthMiddleware:
    """Answers `GET /health` whatever host it is asked under: load balancers ask by address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return health(request) if request.path == "/health" else self.get_response(request)


class RefuseNulMiddleware:
    """PostgreSQL has no NUL character: look-ups of the admin's own, by address and by filter, would fail on one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_for_staff(request) and ("\x00" in request.path or self._in_a_filter(request)):
            return bad_request(request, SuspiciousOperation("a NUL character"))
        return self.get_response(request)

    def _in_a_filter(self, request: HttpRequest) -> bool:
        filters = (values for name, values in request.GET.lists() if "__" in name)
        return any("\x00" in value for values in filters for value in values)


class PolicyMiddleware:
    """Writes the Content-Security-Policy, and keeps answers out of caches and search engines.

    A view that needs more than the strict policy sets `response.csp`, a dict of directives that
    replace the strict ones. One that may ask the browser for something that nobody else may sets
    `response.permissions` in the same way.
    """

    STRICT = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    PERMISSIONS = {"camera": "()", "geolocation": "()", "microphone": "()"}
    # django-unfold's scripts evaluate expressions in attributes (Alpine), and its pages carry their colours.
    # Scripts inside pages stay forbidden: a portal's hostile words could at most be read.
    ADMIN = STRICT | {
        "script-src": "'self' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
    }

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        base = self.ADMIN if is_for_staff(request) else self.STRICT
        policy = base | getattr(response, "csp", {})
        response["Content-Security-Policy"] = _joined(tuple(policy.items()), " ", "; ")
        permissions = self.PERMISSIONS | getattr(response, "permissions", {})
        response["Permissions-Policy"] = _joined(tuple(permissions.items()), "=", ", ")
        if policy["frame-ancestors"] != "'none'":
            # X-Frame-Options cannot name who may frame; the policy above can, and wins where both are understood.
            response.xframe_options_exempt = True
        response["X-Robots-Tag"] = "noindex"
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, no_store=True)
        return response


@lru_cache(maxsize=100)
def _joined(pairs: tuple[tuple[str, str], ...], between: str, after: str) -> str:
    return after.join(f"{name}{between}{value}" for name, value in pairs)


def _well_formed(text: str) -> str | None:
    return text if _UUID.fullmatch(text) else None
