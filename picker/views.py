"""The hosted pages of contract §6 after the choice. Each view: whose link, which state, call, answer."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from flows.closing import complete_flow
from flows.models import AuthorizationQuerySet, PatientFlow
from flows.operations import return_destination
from flows.sign_in import Callback, finish_authorization, start_authorization
from flows.sign_in_errors import OtherBrowser, PlaceGone, UnknownState
from picker import presenters
from picker.asked import asked_in
from picker.browser import browser_of, new_secret, remember_browser
from picker.cards import portal_host, portal_host_of
from picker.forms import chosen_portal, chosen_source
from picker.on_link import SeeOther, closed_page, on_link, posted, while_open
from picker.policies import allow_leaving_for_app, allow_leaving_for_portal
from picker.problems import (
    CLOSED_SOURCE,
    COOKIE_LOST,
    OTHER_BROWSER,
    UNKNOWN_RETURN,
    UNKNOWN_SOURCE,
    no_cookie_page,
    problem_page,
    refused_return,
)
from picker.return_button import return_context, way_back
from sources.models import ClientRegistration, Facility, Source


@require_safe
@on_link
@while_open
def confirm(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    source = chosen_source(flow.organization, request.GET.get("connection_id", ""))
    if source is None or flow.is_direct:
        return problem_page(request, UNKNOWN_SOURCE, flow)
    portal = chosen_portal(source, request.GET.get("facility", ""))
    place_name = portal.facility.name if portal else source.name
    portal_name = portal.name if portal else ""
    context = {
        "organization": flow.organization,
        "source": source,
        "facility": portal.facility if portal else None,
        "portal_name": portal_name,
        "portal_names_place": presenters.says(portal_name, place_name),
        "portal_names_source": presenters.says(portal_name, source.name),
        "place_name": place_name,
        "portal_host": portal_host_of(portal) if portal else portal_host(source),
        "connect_path": presenters.link_path(flow, "connect"),
        "back_path": asked_in(request).address(presenters.link_path(flow)),
        **presenters.closing_time(flow, timezone.now()),
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
        return no_cookie_page(request, flow)
    portal = chosen_portal(source, request.POST.get("facility", ""))
    return sign_in(request, flow, source, portal.facility if portal else None)


def sign_in(request: HttpRequest, flow: PatientFlow, source: Source, facility: Facility | None) -> HttpResponse:
    """Send the browser to the portal, or to the page that says why that is not possible now."""
    registration = ClientRegistration.objects.best_for(source, flow.organization)
    if registration is None and not flow.is_direct:
        return problem_page(request, UNKNOWN_SOURCE, flow)
    browser = browser_of(request) or new_secret()
    try:
        _, portal_url = start_authorization(
            flow=flow, source=source, facility=facility, registration=registration, browser=browser, now=timezone.now()
        )
    except PlaceGone:
        return problem_page(request, UNKNOWN_SOURCE, flow)
    if registration is None:
        response = problem_page(request, CLOSED_SOURCE, flow)
    else:
        response = SeeOther(portal_url or presenters.link_path(flow, "done"))
    remember_browser(request, response, browser)
    return response


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    # Not for HEAD, which must not use up a state.
    try:
        authorization = finish_authorization(
            callback=read_callback(request), browser=browser_of(request), now=timezone.now()
        )
    except UnknownState:
        return problem_page(request, UNKNOWN_RETURN)
    except OtherBrowser as refused:
        return refused_return(request, OTHER_BROWSER if browser_of(request) else COOKIE_LOST, refused.flow)
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


@require_safe
@on_link
def done(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    now = timezone.now()
    own = own_sign_ins(flow, browser_of(request), now)
    latest = own.latest_of_each_source()
    if not latest:
        return closed_page(request, flow) or first_page(request, flow)
    if any(authorization.is_pending for authorization in latest):
        return waiting_page(request, flow)
    still_connected = flow.patient.active_source_ids()
    charts = own.charts_of_each_source()
    results = [presenters.result(flow, authorization, still_connected, charts) for authorization in latest]
    connected = [entry for entry in results if entry.is_connected]
    context = {
        "flow": flow,
        "organization": flow.organization,
        "connected": connected,
        "failed": [entry for entry in results if not entry.is_connected],
        "is_nothing_connected": not connected,
        "has_ended": any(entry.has_ended for entry in results),
        "reference": flow.public_id,
        "is_open": flow.is_open(now),
        "choose_path": presenters.link_path(flow),
        **return_context(request, flow),
    }
    response = render(request, "picker/done.html", context)
    allow_leaving_for_app(response, flow)
    return response


def own_sign_ins(flow: PatientFlow, browser: str, now: datetime) -> AuthorizationQuerySet:
    """The sign-ins that this browser began and may see. Whoever else holds the link does not learn of them.

    A closed link, expired or complete, shows them only for a while, and only to whoever was at the portal meanwhile.
    """
    own = flow.authorizations.begun_in(browser)
    if flow.is_open(now) or own.returned_from_lately(now).exists():
        return own
    return own.none()


def first_page(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    """For a browser without results. In direct mode the first page leads to the portal, which needs the cookie."""
    if flow.is_direct and not browser_of(request):
        # Where the portal is down we came from there, and would go round in circles.
        return no_cookie_page(request, flow)
    return SeeOther(presenters.link_path(flow))


def waiting_page(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    """Another request of this browser is exchanging the code at this moment."""
    context = {"organization": flow.organization, "done_path": presenters.link_path(flow, "done")}
    return render(request, "picker/waiting.html", context)


@posted
def return_to_app(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    complete_flow(flow, timezone.now())
    return SeeOther(way_back(flow))
