"""What every API view shares: the version, the vocabulary of its errors, and nothing to browse."""

from typing import Any, ClassVar, cast

from rest_framework.request import Request
from rest_framework.views import APIView

from common.errors import InvalidRequest, MethodNotAllowed
from common.versions import negotiate
from organizations.models import ApiKey, Organization


class ApiView(APIView):
    """A view of the API.

    `scopes` names the scope each method needs. `takes_query`: its GET reads query parameters.
    `error_codes` renames codes for resources with words of their own.
    """

    scopes: ClassVar[dict[str, str]] = {}
    takes_query: ClassVar[bool] = False
    error_codes: ClassVar[dict[str, str]] = {}

    @property
    def key(self) -> ApiKey:
        """The API key that the request came with."""
        return cast("ApiKey", self.request.auth)

    @property
    def organization(self) -> Organization:
        """The workspace whose key it is: the only one whose objects exist for this request."""
        return self.key.organization

    @property
    def allowed_methods(self) -> list[str]:
        return sorted(self.scopes)

    def needed_scope(self, request: Request) -> str | None:
        """What a key needs for this request; None where the path has no such method. HEAD is a GET."""
        return self.scopes.get("GET" if request.method == "HEAD" else request.method or "")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if self.needed_scope(request) is None:
            raise MethodNotAllowed(f"Method {request.method} is not allowed on this path.")
        super().initial(request, *args, **kwargs)
        if request.query_params and not (self.takes_query and request.method in ("GET", "HEAD")):
            raise InvalidRequest("This path takes no query parameters.", param=next(iter(request.query_params)))
        negotiate(request.headers.get("Version"), self.key.api_version)
