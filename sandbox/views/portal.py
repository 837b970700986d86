"""The portal's own pages: its front door and its sign-in."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from sandbox.accounts import remember
from sandbox.forms import SignInForm
from sandbox.people import PASSWORD
from sandbox.presenters import people_groups
from sandbox.systems import HealthSystem
from sandbox.views.doors import for_system


@require_safe
@for_system
def home(request: HttpRequest, system: HealthSystem) -> HttpResponse:
    return render(request, "sandbox/home.html", {"system": system, **_people()})


@require_http_methods(["GET", "HEAD", "POST"])
@for_system
def sign_in(request: HttpRequest, system: HealthSystem) -> HttpResponse:
    """Sign in for the authorization request in `next`. Without one there is nothing to sign in for."""
    after = request.POST.get("next") or request.GET.get("next", "")
    if not after.startswith(f"{system.path('authorize')}?"):
        return HttpResponseRedirect(system.home_path)
    form = SignInForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and form.user:
        response = HttpResponseRedirect(after)
        remember(response, system, form.user, QueryDict(urlsplit(after).query))
        return response
    return render(request, "sandbox/sign_in.html", {"system": system, "form": form, "next": after, **_people()})


def _people() -> dict[str, object]:
    return {"groups": people_groups(), "password": PASSWORD}
