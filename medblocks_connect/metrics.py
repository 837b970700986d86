"""`GET /metrics` for Prometheus (contract §10): how many requests, how long, by route and status. Off without a token.

Counts are of this process. Where several serve, PROMETHEUS_MULTIPROC_DIR names a directory, emptied before they
start, through which the library adds them up. Labels are routes, never addresses: no id and no person is in them.
"""

import os
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from common.errors import AuthenticationFailed, json_error, only_read

REQUESTS = Counter("medblocks_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("medblocks_request_seconds", "How long answering took.", ["method", "route"])
# A client can invent methods, and each label would be kept for ever.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class MetricsMiddleware:
    """Counts requests by route. Not there at all unless METRICS_TOKEN is set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        response = self.get_response(request)
        method = request.method if request.method in _METHODS else "other"
        route = request.resolver_match.route if request.resolver_match else "none"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        SECONDS.labels(method, route).observe(time.monotonic() - started)
        return response


def metrics(request: HttpRequest) -> HttpResponse:
    """The counts, to whoever brings METRICS_TOKEN as a bearer token."""
    if request.method not in ("GET", "HEAD"):
        return only_read(request)
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        return json_error(request, AuthenticationFailed("Send METRICS_TOKEN in the Authorization header: Bearer …"))
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
