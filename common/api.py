"""What every API view shares: the version, the vocabulary of its errors, and nothing to browse."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from common.errors import MethodNotAllowed
from common.versions import negotiate


class ApiView(APIView):
    """A view of the API.

    `scopes` names the scope each method needs. `error_codes` renames codes for resources with words
    of their own.
    """

    scopes: ClassVar[dict[str, str]] = {}
    error_codes: ClassVar[dict[str, str]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if getattr(self, (request.method or "").lower(), None) is None:
            raise MethodNotAllowed(f"Method {request.method} is not allowed on this path.")
        super().initial(request, *args, **kwargs)
        if request.auth is not None:
            negotiate(request.headers.get("Version"), request.auth.api_version)
