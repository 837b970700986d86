"""What the pages of a link have in common: whose link it is, and whether it still works."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseRedirectBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from flows.models import FlowStatus, PatientFlow
from patients.holding import PatientErased
from picker import presenters
from picker.policies import allow_framing
from picker.problems import EXPIRED_LINK, FINISHED_LINK, UNKNOWN_LINK, problem_page


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
        try:
            response = view(request, flow)
        except PatientErased:  # a moment ago, and the link with the patient
            return problem_page(request, UNKNOWN_LINK)
        allow_framing(response, flow.organization)
        return response

    return found


def posted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A form's target. Reloading it, or coming upon it in the history, leads to the flow's first page."""

    @wraps(view)
    def answered(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
        return view(request, flow) if request.method == "POST" else SeeOther(presenters.link_path(flow))

    return require_http_methods(["GET", "HEAD", "POST"])(on_link(answered))


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


@require_safe
def without_slash(request: HttpRequest) -> HttpResponse:
    """Message apps and mail programs add a slash to a link's end: the page is where it would be without."""
    address, mark, query = request.get_full_path().partition("?")
    return HttpResponseRedirect(address.rstrip("/") + mark + query)
