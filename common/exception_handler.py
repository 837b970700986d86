"""From any exception in an API view to the envelope of contract §3."""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404
from django.http.request import UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework.response import Response

from common.errors import (
    InsufficientScope,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    ProductError,
    Unavailable,
    UnsupportedMediaType,
    envelope,
    headers,
)

_READ_ONLY = "25006"


def handle_api_exception(exception: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception hook. Answers in the envelope, or None for what is a bug (then 500)."""
    error = translate(exception)
    if error is None:
        return None
    codes = getattr(context["view"], "error_codes", {})
    error.code = codes.get(error.code, error.code)
    body = envelope(error, context["request"]._request.request_id)
    return Response(body, status=error.status, headers=headers(error))


def translate(exception: Exception) -> ProductError | None:
    """The product's word for an exception of the framework's; None for one that nobody expected."""
    match exception:
        case ProductError():
            return exception
        case drf.ValidationError():
            message, param = first_problem(exception.detail)
            return InvalidRequest(message, param=param)
        case drf.MethodNotAllowed():
            return MethodNotAllowed(f"{str(exception.detail).rstrip('.')} on this path.")
        case drf.NotFound() | Http404():
            return NotFound("There is nothing at this address.")
        case drf.PermissionDenied() | PermissionDenied():
            return InsufficientScope("This key may not do that.", code="forbidden")
    if is_temporary(exception):
        return Unavailable("The service is briefly unavailable. Try again in a few seconds.")
    return _about_the_body(exception)


def _about_the_body(exception: Exception) -> ProductError | None:
    match exception:
        case drf.ParseError():
            return InvalidRequest(str(exception.detail))
        case drf.UnsupportedMediaType():
            return UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
        case RequestDataTooBig():
            return PayloadTooLarge("The body is too large.")
        case UnreadablePostError():
            return InvalidRequest("The body ended before its announced length. Send the request again.")
    return None


def is_temporary(exception: BaseException | None) -> bool:
    """Whether the same request may succeed in a moment.

    So is whatever PostgreSQL calls operational: it is away or starting, has no connection left, gave up waiting for
    a lock, chose this transaction to end a deadlock. And a standby that has not yet become the primary.
    """
    if isinstance(exception, InternalError):
        return getattr(exception.__cause__, "sqlstate", None) == _READ_ONLY
    return isinstance(exception, OperationalError | InterfaceError)


def first_problem(detail: Any, path: str = "") -> tuple[str, str | None]:
    """The first message in a serializer's errors, and the dotted name of its field."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        if name == "non_field_errors":
            return first_problem(inner, path)
        return first_problem(inner, f"{path}.{name}" if path else str(name))
    if isinstance(detail, list):
        index, inner = next((i, item) for i, item in enumerate(detail) if item)
        return first_problem(inner, f"{path}.{index}" if isinstance(inner, dict) else path)
    return str(detail), path or None
