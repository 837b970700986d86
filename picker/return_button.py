"""The button that leads back to the app."""

from typing import Any

from django.http import HttpRequest

from flows.models import PatientFlow
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
