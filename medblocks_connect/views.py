"""The installation's own two pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


@require_safe
def returned(request: HttpRequest) -> HttpResponse:
    """The pretend app of the demo: shows what a flow's return URL was called with."""
    return render(request, "demo/returned.html", {"parameters": list(request.GET.items())})
