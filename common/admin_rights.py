"""Which right a member of staff lacks for what was refused, in the words of the page that gives rights to users."""

import re
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

_PERMISSION = re.compile(r"(?P<app>\w+)\.(?P<act>view|add|change|delete)_(?P<model>\w+)", re.ASCII)
# By the last part of the name of the admin's own addresses.
_ACTS = {"changelist": "view", "history": "view", "change": "view", "add": "add", "delete": "delete"}


def require_right(request: HttpRequest, permission: str) -> None:
    """Raises PermissionDenied, with the name of the permission, for whoever lacks it."""
    if not request.user.has_perm(permission):
        raise PermissionDenied(permission)


def missing_right(request: HttpRequest, refusal: Exception) -> str:
    """Such as "Can change connection". Empty where it is not known, or no right would help."""
    permission = _PERMISSION.fullmatch(str(refusal) or _of_the_page(request))
    if permission is None or request.user.has_perm(permission[0]):
        return ""
    return f"Can {permission['act']} {apps.get_model(permission['app'], permission['model'])._meta.verbose_name}"


def _of_the_page(request: HttpRequest) -> str:
    """The permission that one of the admin's own pages needs, which Django does not say as it refuses."""
    match = request.resolver_match
    model_admin: Any = getattr(match.func, "model_admin", None) if match else None
    act = _ACTS.get((match.url_name or "").rpartition("_")[2]) if match else None
    if model_admin is None or act is None:
        return ""
    return f"{model_admin.opts.app_label}.{get_permission_codename(act, model_admin.opts)}"
