"""What every API view shares: keys, scopes, rate limits, versions, idempotency, and the vocabulary of its errors."""

from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common import versions
from common.errors import InvalidRequest, MethodNotAllowed
from organizations import idempotency
from organizations.models import ApiKey, Organization
from organizations.rate_limits import count_key
from organizations.requests import ApiRequest


class ApiView(APIView):
    """A view of the API.

    Its methods return the body of the answer; `get` may return a whole response of Django's for what is not JSON.
    `scopes` names the scope each method needs. `takes_query`: its GET reads query parameters.
    `error_codes` renames codes for resources with words of their own.

    A POST with an `Idempotency-Key` runs inside a transaction: it makes no HTTP requests, and its jobs are rows. What
    has to be asked of others is asked in `prepare`.
    """

    scopes: ClassVar[dict[str, str]] = {}
    takes_query: ClassVar[bool] = False
    error_codes: ClassVar[dict[str, str]] = {}
    # Its answers carry the rate limit's headers (RateLimitMiddleware).
    is_api: ClassVar[bool] = True

    request: ApiRequest

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
        return sorted({*self.scopes, *(["HEAD"] if "GET" in self.scopes else [])})

    def needed_scope(self, request: Request) -> str | None:
        """What a key needs for this request; None where the path has no such method. HEAD is a GET."""
        return self.scopes.get("GET" if request.method == "HEAD" else request.method or "")

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ApiRequest:
        return ApiRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As rest_framework's, and around the method: idempotency, and answers in the version that was asked for."""
        self.args, self.kwargs = args, kwargs
        self.headers = self.default_response_headers
        self.request = self.initialize_request(request, *args, **kwargs)
        try:
            self.initial(self.request, *args, **kwargs)
            self.prepare(self.request)
            response = self._answer_once() if request.method == "POST" else self._answer()
        except Exception as error:  # noqa: BLE001  as rest_framework does: what it does not know, it raises again
            refusal = self.handle_exception(error)
            refusal.data = self._turned_down(refusal.data)
            response = refusal
        return self.finalize_response(self.request, cast("Response", response), *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if self.needed_scope(request) is None:
            raise MethodNotAllowed(f"Method {request.method} is not allowed on this path.")
        super().initial(request, *args, **kwargs)
        if request.query_params and not (self.takes_query and request.method in ("GET", "HEAD")):
            raise InvalidRequest("This path takes no query parameters.", param=next(iter(request.query_params)))

    def prepare(self, request: Request) -> None:
        """For what has to be asked over the network, before any transaction. It refuses nothing: a POST that was
        answered before gets the same answer, whatever others say now."""

    def perform_authentication(self, request: Request) -> None:
        """Who asks, how often they do, and in which version they want to be answered. Scopes come after it."""
        super().perform_authentication(request)
        count_key(request._request, self.key)
        self.request.api_version = versions.negotiate(request.headers.get("Version"), self.key.api_version)

    def _handled(self) -> Any:
        handler = getattr(self, (self.request.method or "").lower())
        return handler(self.request, *self.args, **self.kwargs)

    def _answer(self) -> HttpResponseBase:
        answer = self._handled()
        return answer if isinstance(answer, HttpResponseBase) else self._written(self._turned_down(answer))

    def _answer_once(self) -> HttpResponseBase:
        """The answer to a POST: of now, or the one that its Idempotency-Key got before."""
        key = idempotency.key_in(self.request.headers.get(idempotency.HEADER))
        if key is None:
            return self._answer()
        answer, replayed = idempotency.answer_once(
            organization=self.organization,
            key=key,
            request=idempotency.fingerprint(
                method="POST", path=self.request.path, version=self.request.api_version, body=self.request.data
            ),
            work=self._kept_answer,
        )
        return self._written(answer.body, answer.status, headers={"Idempotent-Replayed": "true"} if replayed else None)

    def _kept_answer(self) -> idempotency.Answer:
        body = self._handled()
        return idempotency.Answer(HTTPStatus.OK, self._turned_down(body), patient_reference=_patient_in(body))

    def _turned_down(self, body: Any) -> Any:
        """The body in the version that was asked for."""
        if self.request.api_version == versions.current():
            return body
        return versions.answer_down(self.request.operation, body, self.request.api_version)

    def _written(self, body: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> HttpResponse:
        """What rest_framework's Response makes of it, which is a template that is rendered later, in half the time."""
        renderer = self.request.accepted_renderer
        content_type = f"{renderer.media_type}; charset={renderer.charset}"
        return HttpResponse(renderer.render(body), content_type=content_type, status=status, headers=headers)


def _patient_in(body: Any) -> str | None:
    """The reference of the patient that an answer is about."""
    if not isinstance(body, dict):
        return None
    if body.get("resource_type") == "event":
        return _patient_in(body["data"]["object"])
    found = body.get("id") if body.get("resource_type") == "patient" else body.get("patient_id")
    return found if isinstance(found, str) else None
