"""What answers when no view does: pages get a page, the API gets its envelope."""

import sys

from django.core.exceptions import DisallowedHost, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from common.error_examples import EXAMPLES
from common.error_pages import ERRORS
from common.errors import (
    PATIENT_CODES,
    InternalError,
    InvalidRequest,
    NotFound,
    ProductError,
    Unavailable,
    headers,
    json_error,
    only_read,
)
from common.exception_handler import is_temporary, translate
from common.fields import TimestampField
from common.staff_problems import staff_error, staff_refusal

PAGE_PREFIXES = ("/c/", "/oauth/", "/admin/", "/sandbox/", "/static/", "/branding/", "/errors/", "/docs")


# What Django refuses before any view is asked.
_MALFORMED: dict[type[Exception], str] = {
    DisallowedHost: "This server does not answer under this host. Its operator lists hosts in ALLOWED_HOSTS.",
    TooManyFieldsSent: "This request has too many parameters. Send only those that the call takes.",
}


def is_page(request: HttpRequest) -> bool:
    """Whether a person reads what is at this address; else a program does."""
    return request.path == "/" or request.path.startswith(PAGE_PREFIXES)


def _is_about_patients(request: HttpRequest) -> bool:
    return request.path == "/patients" or request.path.startswith("/patients/")


def is_for_staff(request: HttpRequest) -> bool:
    """Whether only staff, signed in, see what is at this address."""
    return request.path.startswith("/admin/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    error = translate(exception) or InvalidRequest(_MALFORMED.get(type(exception), "This request is malformed."))
    if _is_about_patients(request):
        error.code = PATIENT_CODES.get(error.code, error.code)
    return _answer(request, error)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_for_staff(request):
        return staff_refusal(request, exception)
    return _answer(request, translate(exception) or InternalError("This is not allowed."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    code = PATIENT_CODES["resource_not_found"] if _is_about_patients(request) else None
    return _answer(request, NotFound("There is nothing at this address.", code=code))


def server_error(request: HttpRequest) -> HttpResponse:
    """For what nobody expected. Called while the exception is handled, a temporary fault is answered as one."""
    if is_temporary(sys.exc_info()[1]):
        return _answer(request, Unavailable("The service is briefly unavailable. Try again in a few seconds."))
    return _answer(request, InternalError("Something broke on our side. It has been logged with this request id."))


def _answer(request: HttpRequest, error: ProductError) -> HttpResponse:
    if not is_page(request):
        return json_error(request, error)
    if is_for_staff(request):
        page = staff_error(request, error)
    else:
        page = render(request, "problem.html", {"error": error}, status=error.status)
    for name, value in headers(error).items():
        page[name] = value
    return page


def health(request: HttpRequest) -> JsonResponse:
    """Whether this process answers at all (contract §10)."""
    if request.method not in ("GET", "HEAD"):
        return only_read(request)
    now = TimestampField().to_representation(timezone.now())
    return JsonResponse({"ok": True, "server_time": now}, headers={"Cache-Control": "no-store"})


@require_safe
def error_page(request: HttpRequest, code: str) -> HttpResponse:
    """What an error code means and what to do about it: where `doc_url` leads."""
    if code not in ERRORS:
        return not_found(request, NotFound(code))
    example = EXAMPLES[code]
    texts = {"request_text": example.request_text(), "answer_text": example.answer_text(code)}
    return render(request, "errors/detail.html", {"code": code, "page": ERRORS[code], **texts})


@require_safe
def error_index(request: HttpRequest) -> HttpResponse:
    return render(request, "errors/index.html", {"pages": ERRORS})
