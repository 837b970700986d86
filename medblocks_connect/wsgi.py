"""The WSGI application that granian serves."""

import gc
import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medblocks_connect.settings")
django = get_wsgi_application()

# These need Django's settings.
from common.parsers import BODY_ENDED_EARLY, MAX_BODY_BYTES  # noqa: E402
from common.turns import turns  # noqa: E402
from sources.searching.index import warm  # noqa: E402

_READ_AHEAD = 2 * 1024 * 1024

if settings.SEARCH_INDEX_WARM:
    warm()
# What is loaded by now stays: the collector need not walk through it again and again, in the middle of a request.
gc.freeze()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, which gets a request when its body is here: who sends slowly holds neither a turn nor a connection.

    It sees chunked bodies too: by itself it takes a request without a length for one without a body.
    """
    environ = environ | _body_of(environ)
    with turns.taken():
        return django(environ, start_response)


def _body_of(environ: dict[str, Any]) -> dict[str, Any]:
    """The body, read, with its length. Of one that is too large so much that whoever reads it says so itself."""
    is_chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    announced = str(environ.get("CONTENT_LENGTH") or "")
    if announced.isdecimal():
        length = int(announced)
        body = environ["wsgi.input"].read(min(length, _READ_AHEAD))
        if length > _READ_AHEAD:
            return {"wsgi.input": _Rest(body, environ["wsgi.input"])}
        # A body that ended early has the length that was announced: then its reader notices.
        return {"wsgi.input": io.BytesIO(body), BODY_ENDED_EARLY: len(body) < length}
    if is_chunked:
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
        return {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return {}


class _Rest(io.RawIOBase):
    """What was read of a large body, then the rest of it."""

    def __init__(self, begun: bytes, rest: Any) -> None:
        self._begun, self._rest = io.BytesIO(begun), rest

    def read(self, size: int = -1) -> bytes:
        return self._begun.read(size) or bytes(self._rest.read(size) if size >= 0 else self._rest.read())
