"""What answers when no view does: pages get a page, the API gets its envelope."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from common.error_pages import ERRORS
from common.errors import InternalError, InvalidRequest, MethodNotAllowed, NotFound, ProductError, json_error
from common.exception_handler import translate
from common.fields import TimestampField

PAGE_PREFIXES = ("/c/", "/oauth/", "/admin/", "/sandbox/", "/static/", "/branding/", "/errors/")


def is_page(request: HttpRequest) -> bool:
    """Whether a person reads what is at this address; else a program does."""
    return request.path == "/" or request.path.startswith(PAGE_PREFIXES)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, translate(exception) or InvalidRequest("This request is malformed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, translate(exception) or InternalError("This is not allowed."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    code = "not_found" if request.path.startswith("/patients/") else None
    return _answer(request, NotFound("There is nothing at this address.", code=code))


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, InternalError("Something broke on our side. It has been logged with this request id."))


def _answer(request: HttpRequest, error: ProductError) -> HttpResponse:
    if is_page(request):
        return render(request, "problem.html", {"error": error}, status=error.status)
    return json_error(request, error)


def health(request: HttpRequest) -> JsonResponse:
    """Whether this process answers at all (contract §10)."""
    if request.method not in ("GET", "HEAD"):
        return json_error(request, MethodNotAllowed(f"Method {request.method} is not allowed on this path."))
    return JsonResponse({"ok": True, "server_time": TimestampField().to_representation(timezone.now())})


@require_safe
def error_page(request: HttpRequest, code: str) -> HttpResponse:
    """What an error code means and what to do about it: where `doc_url` leads."""
    if code not in ERRORS:
        return not_found(request, NotFound(code))
    return render(request, "errors/detail.html", {"code": code, "page": ERRORS[code]})


@require_safe
def error_index(request: HttpRequest) -> HttpResponse:
    return render(request, "errors/index.html", {"pages": ERRORS})
