"""Scopes: each view names what each of its methods needs."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from common.errors import InsufficientScope

if TYPE_CHECKING:  # rest_framework.views loads this module while it is itself being loaded
    from organizations.api import ApiView


class HasScope(BasePermission):
    """Raises InsufficientScope, naming the scope, unless the key has what the view's `scopes` ask for."""

    def has_permission(self, request: Request, view: "ApiView") -> bool:  # type: ignore[override]
        needed = view.needed_scope(request)
        if needed not in view.key.scopes:
            raise InsufficientScope(f"This key lacks the scope {needed}.")
        return True
