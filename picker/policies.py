"""What each hosted page may do beyond the strict policy of `common/middleware.py`.

Chromium applies `form-action` to every redirect that follows a form post. Portals pass the patient
on to identity providers at other origins, and so may the app behind a return URL; neither is known
beforehand. The two pages whose form leaves this site therefore allow any https address, and
addresses on this machine where the workspace is a sandbox (docs/adr/0009).
"""

from urllib.parse import urlsplit

from django.http import HttpResponse

from flows.models import PatientFlow
from organizations.models import Organization
from organizations.origins import is_local

THIS_MACHINE = "http://localhost:* http://127.0.0.1:*"


def allow_framing(response: HttpResponse, organization: Organization) -> None:
    """Let the workspace's own sites show the page in a frame, if it named any."""
    if organization.allowed_frame_ancestors:
        _add(response, "frame-ancestors", " ".join(organization.allowed_frame_ancestors))


def allow_leaving_for_portal(response: HttpResponse, organization: Organization) -> None:
    _add(response, "form-action", f"'self' https: {THIS_MACHINE}" if organization.is_sandbox else "'self' https:")


def allow_leaving_for_app(response: HttpResponse, flow: PatientFlow) -> None:
    parts = urlsplit(flow.return_url)
    allowed = "'self' https:"
    if parts.scheme == "http" and is_local(parts.hostname):
        allowed += f" {THIS_MACHINE}"
    elif parts.scheme != "https":
        allowed += f" {parts.scheme}:"
    _add(response, "form-action", allowed)


def allow_asking_for_position(response: HttpResponse) -> None:
    """Let the page's script ask the browser where it is; the browser asks its owner."""
    response.permissions = {"geolocation": "(self)"}  # type: ignore[attr-defined]


def _add(response: HttpResponse, directive: str, value: str) -> None:
    response.csp = getattr(response, "csp", {}) | {directive: value}  # type: ignore[attr-defined]
