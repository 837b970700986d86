"""Every error the API can answer with, and the one place that makes the envelope.

ProductError                     a sentence for a developer, a stable code, the field at fault
├── InvalidRequest          400  bad_request; patients say invalid_request
│   └── UnsupportedVersion  400  unsupported_api_version
├── AuthenticationFailed    401  missing_api_key, invalid_api_key, expired_api_key
├── InsufficientScope       403  insufficient_scope, forbidden
├── NotFound                404  resource_not_found; patients say not_found
├── MethodNotAllowed        405  method_not_allowed
├── Conflict                409  resource_conflict, external_id_already_exists
├── PayloadTooLarge         413  payload_too_large
├── UnsupportedMediaType    415  unsupported_media_type
├── Throttled               429  throttled
│   └── QuotaExceeded       429  quota_exceeded
├── InternalError           500  internal_error
└── Unavailable             503  service_unavailable

Rules raise these; they know no HTTP beyond the class. `exception_handler.py` translates the framework's own
exceptions into them. `envelope()` gives the body of contract §3.

The contract reserves codes that nothing raises: the 502s about portals. They have a page
(`error_pages.py`), because clients may meet them in code written for the published API, and no class.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse

RETRY_AFTER_SECONDS = 5
RETRY_AFTER_QUOTA_SECONDS = 3600


class ProductError(Exception):
    status = 500
    type = "api_error"
    code = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.code


class InvalidRequest(ProductError):
    status, type, code = 400, "invalid_request_error", "bad_request"


class UnsupportedVersion(InvalidRequest):
    code = "unsupported_api_version"


class AuthenticationFailed(ProductError):
    status, type, code = 401, "authentication_error", "invalid_api_key"


class InsufficientScope(ProductError):
    status, type, code = 403, "permission_error", "insufficient_scope"


class NotFound(ProductError):
    status, type, code = 404, "not_found_error", "resource_not_found"


class MethodNotAllowed(ProductError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class Conflict(ProductError):
    status, type, code = 409, "conflict_error", "resource_conflict"


class PayloadTooLarge(ProductError):
    status, type, code = 413, "invalid_request_error", "payload_too_large"


class UnsupportedMediaType(ProductError):
    status, type, code = 415, "invalid_request_error", "unsupported_media_type"


class Throttled(ProductError):
    """Too many requests. `retry_after`: whole seconds, at least 1, after which the same request will be taken."""

    status, type, code = 429, "rate_limit_error", "throttled"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)


class QuotaExceeded(Throttled):
    """The workspace has as many of something as it may have. Waiting does not help by itself: not soon, then."""

    code = "quota_exceeded"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=RETRY_AFTER_QUOTA_SECONDS)


class InternalError(ProductError):
    """Something broke on our side. The request id finds it in our logs."""


class Unavailable(ProductError):
    status, type, code = 503, "api_error", "service_unavailable"


# Everything about patients has its own two words (contract §3).
PATIENT_CODES = {"bad_request": "invalid_request", "resource_not_found": "not_found"}


def doc_url(code: str) -> str:
    """The page of this server that explains the code."""
    return f"{settings.BASE_URL}/errors/{code}"


def envelope(error: ProductError, request_id: str) -> dict[str, Any]:
    return {
        "error": {
            "type": error.type,
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "doc_url": doc_url(error.code),
            "request_id": request_id,
        }
    }


def headers(error: ProductError) -> dict[str, str]:
    if error.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="api"'}
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unavailable):
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def only_read(request: HttpRequest) -> JsonResponse:
    """The 405 of an address that can only be read and is no API view."""
    response = json_error(request, MethodNotAllowed(f"Method {request.method} is not allowed on this path."))
    response["Allow"] = "GET, HEAD"
    return response


def json_error(request: HttpRequest, error: ProductError) -> JsonResponse:
    """The envelope as a response, for requests that never reached an API view."""
    body = envelope(error, request.request_id)  # type: ignore[attr-defined]  # set by RequestIdMiddleware
    return JsonResponse(body, status=error.status, headers=headers(error))
