"""The kind pages: what a patient reads when a link or a return cannot go on."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common.errors import InsufficientScope, json_error
from common.handlers import is_for_staff, is_page
from common.staff_problems import STALE_FORM, staff_problem
from flows.models import PatientFlow
from picker import presenters
from picker.policies import allow_framing, allow_leaving_for_app
from picker.return_button import front_door, link_back, return_context


@dataclass(frozen=True)
class Problem:
    status: int
    title: str
    happened: str
    advice: str


UNKNOWN_LINK = Problem(
    404,
    "We cannot find this page",
    "This link is not one of ours, or a part of it is missing.",
    "Go back to your app and open the link from there. If it came in a message, copy all of it.",
)
EXPIRED_LINK = Problem(
    410,
    "This link has closed",
    "For your safety each link works only for a short time, and the time for this one is over.",
    "Go back to your app and start again. It gives you a new link.",
)
FINISHED_LINK = Problem(
    200,
    "You have finished here",
    "This link was used already.",
    "You can close this page or go back to your app.",
)
UNKNOWN_SOURCE = Problem(
    404,
    "This place cannot be connected",
    "The hospital, clinic or health plan you chose is not available here.",
    "It may have been taken off the list just now. Choose another place, or search for it by another name.",
)
CLOSED_SOURCE = Problem(
    404,
    "Signing in is not possible there at the moment",
    "The hospital, clinic or health plan behind this link cannot be connected right now. Nothing was shared.",
    "Go back to your app. The team behind it can tell you more.",
)
UNKNOWN_RETURN = Problem(
    400,
    "We cannot match this sign-in",
    "You came back from a sign-in that we have no record of. Nothing was shared.",
    "Go back to your app and open the link from there.",
)
OTHER_BROWSER = Problem(
    400,
    "Please continue in the browser you started in",
    "You signed in, but came back in a different browser or app from the one you started in. To keep your "
    "records safe we only go on in the first one. Nothing was shared.",
    "Go back to the browser you started in, or open the link from your app again, here, and sign in once more.",
)
NO_COOKIE = Problem(
    403,
    "Your browser did not keep our cookie",
    "We use cookies only to make sure that it is you who comes back from the sign-in page.",
    "Allow cookies for this site, or leave private browsing, then go back and try again.",
)

COOKIE_LOST = Problem(
    400,
    "Your browser did not keep our cookie",
    "You came back from the sign-in page, but without the cookie that tells us it is you. Nothing was shared.",
    "Allow cookies for this site, or leave private browsing, then open the link from your app again. If you started "
    "in another browser, go back to that one.",
)


def problem_page(request: HttpRequest, problem: Problem, flow: PatientFlow | None = None) -> HttpResponse:
    """The page, with a way back to the app where the flow is known. Shows nothing of the patient."""
    ways: dict[str, object] = return_context(request, flow) if flow else {}
    if flow and problem is UNKNOWN_SOURCE and not flow.is_direct:
        ways |= {"back_path": presenters.link_path(flow), "back_label": "Choose another place"}
    return _page(request, problem, flow, ways)


def no_cookie_page(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    """For who holds the flow's link in a browser without cookies: nothing here is a form, which would be refused."""
    # A form's address leads back to its page.
    back_path = request.get_full_path() if request.method == "POST" else presenters.link_path(flow)
    return _page(request, NO_COOKIE, flow, link_back(flow) | {"back_path": back_path, "back_label": "Try again"})


def refused_return(request: HttpRequest, problem: Problem, flow: PatientFlow) -> HttpResponse:
    """For who came back from a portal in a browser that did not leave for it. They may not be the patient."""
    return _page(request, problem, flow, front_door(flow))


def _page(request: HttpRequest, problem: Problem, flow: PatientFlow | None, ways: Mapping[str, object]) -> HttpResponse:
    context: dict[str, object] = {"problem": problem, **ways}
    if flow is not None:
        context |= {"organization": flow.organization, "reference": flow.public_id}
    response = render(request, "picker/problem.html", context, status=problem.status)
    if flow is not None:
        allow_leaving_for_app(response, flow)
        allow_framing(response, flow.organization)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW. On patients' pages the cause is nearly always a browser without cookies."""
    if is_for_staff(request):
        return staff_problem(request, STALE_FORM)
    if not is_page(request):
        return json_error(request, InsufficientScope("This address takes no such request.", code="forbidden"))
    token = request.resolver_match.kwargs.get("token", "") if request.resolver_match else ""
    flow = PatientFlow.objects.with_token(token)
    return no_cookie_page(request, flow) if flow else problem_page(request, NO_COOKIE)
