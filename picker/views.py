"""The hosted pages of contract §6. Each view: whose link, which state, call, answer."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirectBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods

from flows.models import FlowStatus, PatientFlow
from flows.operations import complete_flow, return_destination
from flows.sign_in import Callback, OtherBrowser, UnknownState, finish_authorization, start_authorization
from picker import presenters
from picker.browser import browser_of, new_secret, remember_browser
from picker.forms import SearchForm, chosen_facility, chosen_source
from picker.policies import allow_framing, allow_leaving_for_app, allow_leaving_for_portal
from picker.problems import (
    CLOSED_SOURCE,
    COOKIE_LOST,
    EXPIRED_LINK,
    FINISHED_LINK,
    NO_COOKIE,
    OTHER_BROWSER,
    UNKNOWN_LINK,
    UNKNOWN_RETURN,
    UNKNOWN_SOURCE,
    problem_page,
)
from picker.return_button import return_context
from sources.models import ClientRegistration, Facility, Source
from sources.search import search

MAX_RESULTS = 30


class SeeOther(HttpResponseRedirectBase):
    """303: whatever the method was, GET the other address. Any scheme: a checked return URL may be an app's own."""

    status_code = 303

    @property
    def allowed_schemes(self) -> list[str]:  # type: ignore[override]
        return [self["Location"].split(":", 1)[0]]


def on_link(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Give the view the flow of the link's token; answer for it where there is none."""

    @wraps(view)
    def found(request: HttpRequest, token: str) -> HttpResponse:
        flow = PatientFlow.objects.with_token(token)
        if flow is None:
            return problem_page(request, UNKNOWN_LINK)
        response = view(request, flow)
        allow_framing(response, flow.organization)
        return response

    return found


def posted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A form's target. Reloading it, or coming upon it in the history, leads to the flow's first page."""

    @wraps(view)
    def answered(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
        return view(request, flow) if request.method == "POST" else SeeOther(presenters.link_path(flow))

    return require_http_methods(["GET", "POST"])(on_link(answered))


def while_open(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Closed links never start anything: they answer with their own page."""

    @wraps(view)
    def opened(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
        return closed_page(request, flow) or view(request, flow)

    return opened


def closed_page(request: HttpRequest, flow: PatientFlow) -> HttpResponse | None:
    match flow.status_at(timezone.now()):
        case FlowStatus.EXPIRED:
            return problem_page(request, EXPIRED_LINK, flow)
        case FlowStatus.COMPLETE:
            return problem_page(request, FINISHED_LINK, flow)
    return None


@require_GET
@ensure_csrf_cookie
@on_link
@while_open
def choose(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    if flow.source is not None:
        return sign_in(request, flow, flow.source, None)
    form = SearchForm(request.GET if "q" in request.GET else None, label_suffix="")
    found = search_results(flow, form)
    if "fragment" in request.GET:
        return render(request, "picker/results.html", found)
    page = found | choose_context(flow) | return_context(request, flow) | {"form": form}
    response = render(request, "picker/choose.html", page)
    remember_browser(request, response)
    allow_leaving_for_app(response, flow)
    return response


def search_results(flow: PatientFlow, form: SearchForm) -> dict[str, Any]:
    """What the patient searched for, and the places found."""
    query = form.cleaned_data["q"] if form.is_bound and form.is_valid() else ""
    hits = search(query, organization=flow.organization, limit=MAX_RESULTS + 1, offered_only=True) if query else []
    places = [presenters.place(flow, hit.source, hit.facility, query) for hit in hits[:MAX_RESULTS]]
    return {"query": query, "places": places, "has_more": len(hits) > MAX_RESULTS}


def choose_context(flow: PatientFlow) -> dict[str, Any]:
    now = timezone.now()
    return {
        "organization": flow.organization,
        "choose_path": presenters.link_path(flow),
        "recommended": [presenters.place(flow, source) for source in recommended_sources(flow)],
        "minutes_left": presenters.minutes_left(flow, now),
        "closes_in": presenters.closes_in(flow, now),
    }


def recommended_sources(flow: PatientFlow) -> list[Source]:
    """The app's recommendations that are still offered, in the app's order."""
    if not flow.recommended_source_ids:
        return []
    offered = Source.objects.offered_to(flow.organization).in_bulk(flow.recommended_source_ids)
    return [offered[identifier] for identifier in flow.recommended_source_ids if identifier in offered]


@require_GET
@on_link
@while_open
def confirm(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    source = chosen_source(flow.organization, request.GET.get("connection_id", ""))
    if source is None or flow.is_direct:
        return problem_page(request, UNKNOWN_SOURCE, flow)
    query = request.GET.get("q", "")
    facility = chosen_facility(source, request.GET.get("facility", ""))
    context = {
        "flow": flow,
        "organization": flow.organization,
        "source": source,
        "facility": facility,
        "place_name": facility.name if facility else source.name,
        "portal_host": presenters.portal_host(source),
        "connect_path": presenters.link_path(flow, "connect"),
        "back_path": presenters.link_path(flow),
        "query": query,
    }
    response = render(request, "picker/confirm.html", context)
    remember_browser(request, response)
    allow_leaving_for_portal(response, flow.organization)
    return response


@posted
@while_open
def connect(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    source = chosen_source(flow.organization, request.POST.get("connection_id", ""))
    if source is None or flow.is_direct:
        return problem_page(request, UNKNOWN_SOURCE, flow)
    if not browser_of(request):
        return problem_page(request, NO_COOKIE, flow)
    return sign_in(request, flow, source, chosen_facility(source, request.POST.get("facility", "")))


def sign_in(request: HttpRequest, flow: PatientFlow, source: Source, facility: Facility | None) -> HttpResponse:
    """Send the browser to the portal, or to the page that says why that is not possible now."""
    registration = ClientRegistration.objects.best_for(source, flow.organization)
    if registration is None:
        return problem_page(request, CLOSED_SOURCE if flow.is_direct else UNKNOWN_SOURCE, flow)
    browser = browser_of(request) or new_secret()
    _, portal_url = start_authorization(
        flow=flow, source=source, facility=facility, registration=registration, browser=browser, now=timezone.now()
    )
    response = SeeOther(portal_url or presenters.link_path(flow, "done"))
    remember_browser(request, response, browser)
    return response


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    try:
        authorization = finish_authorization(
            callback=read_callback(request), browser=browser_of(request), now=timezone.now()
        )
    except UnknownState:
        return problem_page(request, UNKNOWN_RETURN)
    except OtherBrowser:
        return problem_page(request, OTHER_BROWSER if browser_of(request) else COOKIE_LOST)
    flow = authorization.flow
    if flow.is_direct and not authorization.is_pending:
        return SeeOther(return_destination(flow, presenters.outcome_parameters(authorization)))
    return SeeOther(presenters.link_path(flow, "done"))


def read_callback(request: HttpRequest) -> Callback:
    """The portal's parameters. One that is given twice counts as an error (RFC 6749 3.1)."""
    given = {name: request.GET.getlist(name) for name in ("state", "code", "error", "error_description", "iss")}
    single = {name: values[0] for name, values in given.items() if len(values) == 1}
    if any(len(values) > 1 for values in given.values()):
        single |= {"error": "invalid_request", "error_description": "The portal sent a parameter twice."}
    return Callback(**({"state": ""} | single))


@require_GET
@on_link
def done(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    now = timezone.now()
    latest = flow.authorizations.latest_of_each_source()
    if not latest or not may_see_results(flow, browser_of(request), now):
        return closed_page(request, flow) or SeeOther(presenters.link_path(flow))
    if any(authorization.is_pending for authorization in latest):
        return waiting_page(request, flow)
    still_connected = flow.patient.active_source_ids()
    results = [presenters.result(flow, authorization, still_connected) for authorization in latest]
    connected = [entry for entry in results if entry.is_connected]
    context = {
        "flow": flow,
        "organization": flow.organization,
        "connected": connected,
        "failed": [entry for entry in results if not entry.is_connected],
        "is_nothing_connected": not connected,
        "reference": flow.public_id,
        "is_open": flow.is_open(now),
        "choose_path": presenters.link_path(flow),
        **return_context(request, flow),
    }
    response = render(request, "picker/done.html", context)
    allow_leaving_for_app(response, flow)
    return response


def may_see_results(flow: PatientFlow, browser: str, now: datetime) -> bool:
    """A link whose time is over shows nothing any more, but for a while to whoever was at the portal meanwhile."""
    match flow.status_at(now):
        case FlowStatus.OPEN:
            return True
        case FlowStatus.EXPIRED:
            return flow.authorizations.finished_lately_by(browser, now).exists()
    return False


def waiting_page(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    """Another request of this browser is exchanging the code at this moment."""
    context = {"organization": flow.organization, "done_path": presenters.link_path(flow, "done")}
    return render(request, "picker/waiting.html", context)


@posted
def return_to_app(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    complete_flow(flow, timezone.now())
    outcome = {}
    if flow.is_direct:
        outcome = presenters.outcome_parameters(flow.authorizations.decisive())
    return SeeOther(return_destination(flow, outcome))
