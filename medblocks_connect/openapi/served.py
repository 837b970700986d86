"""`GET /openapi.json` and `GET /docs`: the committed document, for programs and for people (contract §10)."""

import functools
import hashlib
import json
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt

from common.errors import only_read
from medblocks_connect.openapi.reading import Receiving, Section, receiving_of, sections_of

FILE = Path(settings.BASE_DIR) / "docs" / "openapi.json"


@csrf_exempt
def openapi_json(request: HttpRequest) -> HttpResponseBase:
    """The document, for anybody. It says nothing of this installation, so it may be cached by all."""
    if request.method not in ("GET", "HEAD"):
        return only_read(request)
    content, etag = _document()
    response = get_conditional_response(request, etag=etag) or HttpResponse(content, content_type="application/json")
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=300"
    return response


@csrf_exempt
def docs(request: HttpRequest) -> HttpResponse:
    """The document as a page that needs no JavaScript."""
    if request.method not in ("GET", "HEAD"):
        return only_read(request)
    return render(request, "docs/api.html", _told() | {"base_url": settings.BASE_URL})


@functools.cache
def _document() -> tuple[bytes, str]:
    content = FILE.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@functools.cache
def _told() -> dict[str, list[Section] | Receiving]:
    """What the page tells of the document."""
    document = json.loads(_document()[0])
    return {"sections": sections_of(document, settings.BASE_URL), "receiving": receiving_of(document)}
