""" "My hospital is not listed": the form, and what happens next."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from flows.models import PatientFlow
from flows.source_requests import TooManyRequests, Wish, request_source
from picker import presenters
from picker.asked import asked_in
from picker.forms import MAX_QUERY, MissingForm, wanted_source
from picker.on_link import SeeOther, on_link, while_open
from picker.policies import allow_leaving_for_app
from picker.return_button import return_context
from sources.models import Source


@require_http_methods(["GET", "HEAD", "POST"])
@on_link
@while_open
def missing(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    if flow.is_direct:
        return SeeOther(presenters.link_path(flow))
    # The form is sent to the page's own address, search and all.
    source = wanted_source(flow.organization, request.GET.get("connection_id", ""))
    if request.method != "POST":
        return form_page(request, flow, source, MissingForm(initial=prefilled(request), label_suffix=""))
    form = MissingForm(request.POST, label_suffix="")
    if not form.is_valid():
        return form_page(request, flow, source, form)
    wish = Wish(query=_plain(request.GET.get("q", "")), **form.cleaned_data)
    try:
        request_source(flow=flow, wish=wish, source=source, now=timezone.now())
    except TooManyRequests:
        return form_page(request, flow, source, form, is_too_many=True)
    return SeeOther(presenters.link_path(flow, "missing/thanks"))


@require_safe
@on_link
@while_open
def thanks(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    """What happens next. Nobody is thanked who asked for nothing."""
    latest = flow.source_requests.order_by("-id").first()
    if latest is None:
        return SeeOther(presenters.link_path(flow))
    return page(request, flow, "picker/missing_thanks.html", {"name": latest.name})


def form_page(
    request: HttpRequest, flow: PatientFlow, source: Source | None, form: MissingForm, *, is_too_many: bool = False
) -> HttpResponse:
    context = {"form": form, "source": source, "is_too_many": is_too_many}
    return page(request, flow, "picker/missing.html", context | presenters.closing_time(flow, timezone.now()))


def page(request: HttpRequest, flow: PatientFlow, template: str, context: dict[str, Any]) -> HttpResponse:
    back = {"back_path": asked_in(request).address(presenters.link_path(flow)), "organization": flow.organization}
    response = render(request, template, context | back | return_context(request, flow))
    allow_leaving_for_app(response, flow)
    return response


def prefilled(request: HttpRequest) -> dict[str, str]:
    """What the search has told us already: an address where one was pasted, else the name."""
    words = _plain(request.GET.get("name", "") or request.GET.get("q", ""))
    is_address = "." in words.strip(".") and " " not in words
    return {
        "name": "" if is_address else words,
        "place": _plain(request.GET.get("near", "")),
        "portal_address": words if is_address else "",
    }


def _plain(text: str) -> str:
    return text.replace("\x00", "").strip()[:MAX_QUERY]
