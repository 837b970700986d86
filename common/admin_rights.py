"""Which right a member of staff lacks for what was refused, in the words of the page that gives rights to users."""

from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

# By the last part of the name of the admin's own addresses.
_ACTS = {"changelist": "view", "history": "view", "change": "view", "add": "add", "delete": "delete"}


def require_right(request: HttpRequest, permission: str) -> None:
    """Raises PermissionDenied, with the name of the permission, for whoever lacks it."""
    if not request.user.has_perm(permission):
        raise PermissionDenied(permission)


def missing_right(request: HttpRequest, refusal: Exception) -> str:
    """Such as "Can change connection". Empty where it is not known, or no right would help."""
    permission = str(refusal) or _of_the_page(request)
    if not permission or request.user.has_perm(permission):
        return ""
    app, _, codename = permission.partition(".")
    act, _, model = codename.partition("_")
    return f"Can {act} {apps.get_model(app, model)._meta.verbose_name}"


def _of_the_page(request: HttpRequest) -> str:
    """The permission that one of the admin's own pages needs, which Django does not say as it refuses."""
    match = request.resolver_match
    model_admin: Any = getattr(match.func, "model_admin", None) if match else None
    act = _ACTS.get((match.url_name or "").rpartition("_")[2]) if match else None
    if model_admin is None or act is None:
        return ""
    return f"{model_admin.opts.app_label}.{get_permission_codename(act, model_admin.opts)}"
