"""The OAuth endpoints. What is right and wrong in a request is decided in `authorization_server.py`."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import (
    AccessDeniedError,
    InvalidScopeError,
    OAuth2Error,
    ServerError,
    TemporarilyUnavailableError,
)

from sandbox import scopes
from sandbox.accounts import account_for, signed_in
from sandbox.authorization_server import authorization_server
from sandbox.forms import ALLOW, ConsentForm
from sandbox.launch_context import resource_for
from sandbox.models import History
from sandbox.operations import CLIENT_NAME
from sandbox.people import Outcome, PortalUser
from sandbox.presenters import records_asked_for, stays_connected
from sandbox.systems import HealthSystem
from sandbox.views.doors import for_system


@require_http_methods(["GET", "HEAD", "POST"])
@for_system
def authorize(request: HttpRequest, system: HealthSystem) -> HttpResponse:
    """Sign in, ask, and go back to the client with a code or an error.

    The consent form posts to this same address, so everything about the request comes from its query
    and is checked again. A client that is not ours, or a wrong redirect URI, gets a page and no redirect.
    """
    try:
        asked, credentials = authorization_server(system).validate_authorization_request(request)
    except FatalClientError as error:
        return _problem(request, system, error.oauthlib_error.description)
    except OAuthToolkitError as error:
        return _back(system, error.oauthlib_error.in_uri(error.oauthlib_error.redirect_uri))
    except ValueError:
        return _problem(request, system, "The address of this page is damaged.")
    user = signed_in(request, system)
    if user is None:
        return HttpResponseRedirect(f"{system.path('sign-in')}?{urlencode({'next': request.get_full_path()})}")
    granted = scopes.granted(system, asked, user.manners)
    form = ConsentForm(user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _decide(request, system, form, granted, credentials)
    return _ask(request, system, form, granted, credentials["redirect_uri"])


def _ask(
    request: HttpRequest, system: HealthSystem, form: ConsentForm, granted: list[str], redirect_uri: str
) -> HttpResponse:
    page = {
        "system": system,
        "form": form,
        "client_name": CLIENT_NAME,
        "records": records_asked_for(system, granted),
        "stays_connected": stays_connected(granted),
        "sign_in_path": f"{system.path('sign-in')}?{urlencode({'next': request.get_full_path()})}",
    }
    response = render(request, "sandbox/consent.html", page)
    # The form posts here and is then sent on to the client, and by it wherever its own journey goes on.
    # Browsers count all of that as where the form goes.
    client = urlsplit(redirect_uri)
    allowed = f"'self' {client.scheme}://{client.netloc} https: http://localhost:* http://127.0.0.1:*"
    response.csp = {"form-action": allowed}  # type: ignore[attr-defined]
    return response


def _decide(
    request: HttpRequest, system: HealthSystem, form: ConsentForm, granted: list[str], credentials: dict[str, Any]
) -> HttpResponse:
    is_allowed = form.cleaned_data["decision"] == ALLOW
    refusal = _refusal(form.user, is_allowed, granted, credentials["state"])
    if refusal is not None:
        return _back(system, refusal.in_uri(credentials["redirect_uri"]))
    has_context = form.user.outcome is not Outcome.NO_PATIENT_CONTEXT
    credentials["resource"] = resource_for(system, form.cleaned_data["chart"] if has_context else None)
    request.user = account_for(system, form.user)  # whose code the toolkit makes
    History.objects.note_permission(request.user.pk, timezone.now())
    uri, *_ = authorization_server(system).create_authorization_response(
        request, scopes=granted, credentials=credentials, allow=True
    )
    return _back(system, uri)


def _refusal(user: PortalUser, is_allowed: bool, granted: list[str], state: str | None) -> OAuth2Error | None:
    if not is_allowed:
        return AccessDeniedError("The patient did not allow access.", state=state)
    if not granted:
        return InvalidScopeError("The portal grants nothing of what was asked.", state=state)
    if user.outcome is Outcome.SERVER_ERROR:
        return ServerError("The portal could not prepare the records.", state=state)
    if user.outcome is Outcome.TEMPORARILY_UNAVAILABLE:
        return TemporarilyUnavailableError("The portal is too busy. Try again later.", state=state)
    return None


def _back(system: HealthSystem, uri: str) -> HttpResponse:
    if system.sends_iss:
        uri = add_params_to_uri(uri, [("iss", system.issuer)])
    return HttpResponseRedirect(uri)


def _problem(request: HttpRequest, system: HealthSystem, description: str) -> HttpResponse:
    return render(request, "sandbox/problem.html", {"system": system, "description": description}, status=400)


@csrf_exempt
@require_POST
@for_system
def token(request: HttpRequest, system: HealthSystem) -> HttpResponse:
    if request.GET:
        return _no_query_allowed()
    _, headers, body, status = authorization_server(system).create_token_response(request)
    return HttpResponse(body, status=status, headers=headers)


@csrf_exempt
@require_POST
@for_system
def revoke(request: HttpRequest, system: HealthSystem) -> HttpResponse:
    """RFC 7009: 200 whether or not there was such a token; a refresh token takes its access token along."""
    if request.GET:
        return _no_query_allowed()
    _, headers, body, status = authorization_server(system).create_revocation_response(request)
    return HttpResponse(body, status=status, headers=headers)


def _no_query_allowed() -> HttpResponse:
    body = {"error": "invalid_request", "error_description": "Send the parameters in the body."}
    return JsonResponse(body, status=400)
