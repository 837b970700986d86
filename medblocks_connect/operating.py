"""Answers those who run the product, whatever host they ask under: probes and Prometheus ask by address."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from medblocks_connect.metrics import metrics
from medblocks_connect.readiness import ready


class OperatingMiddleware:
    """`/health/ready`, and `/metrics` where it is enabled. Everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/health/ready":
            return ready(request)
        if request.path == "/metrics" and settings.METRICS_TOKEN:
            return metrics(request)
        return self.get_response(request)
