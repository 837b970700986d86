"""The ways back to the app: the button that ends the flow, and links for where it cannot be pressed."""

from typing import Any

from django.http import HttpRequest

from flows.models import PatientFlow
from flows.operations import return_destination
from organizations.origins import origin_of
from picker import presenters

FRAMES = ("iframe", "frame")


def return_context(request: HttpRequest, flow: PatientFlow) -> dict[str, Any]:
    """What `components/return.html` needs.

    In a frame of another site a browser keeps no cookies of ours, so a form would be refused: there the
    button is a link that takes the same page out of the frame (Fetch Metadata tells).
    """
    return {
        "return_path": presenters.link_path(flow, "return"),
        "return_label": presenters.return_label(flow),
        "unframed_path": request.get_full_path() if request.headers.get("Sec-Fetch-Dest") in FRAMES else None,
    }


def way_back(flow: PatientFlow) -> str:
    """The app's return URL with our parameters, in direct mode with what has come of the flow so far."""
    outcome = presenters.outcome_parameters(flow.authorizations.decisive()) if flow.is_direct else {}
    return return_destination(flow, outcome)


def link_back(flow: PatientFlow) -> dict[str, str]:
    """A plain link for a browser without cookies, whose forms are refused. It leaves the flow as it is.

    For whoever holds the flow's link: they learn no more than the button would tell them.
    """
    return {"app_address": way_back(flow), "return_label": presenters.return_label(flow)}


def front_door(flow: PatientFlow) -> dict[str, str]:
    """A plain link to the app's site, for whoever has not shown the flow's link: nothing of the patient is in it."""
    return {"app_address": origin_of(flow.return_url), "return_label": f"Return to {flow.organization.name}"}
