"""The WSGI application that granian serves."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medblocks_connect.settings")
django = get_wsgi_application()

# These need Django's settings.
from common.parsers import MAX_BODY_BYTES  # noqa: E402
from common.turns import turns  # noqa: E402
from sources.searching.index import warm  # noqa: E402

if settings.SEARCH_INDEX_WARM:
    warm()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, which sees chunked bodies too: by itself it takes a request without a length for one without a body."""
    if not environ.get("CONTENT_LENGTH") and environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        # One byte more than the API takes, so that it says itself that a body is too large.
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
        environ = environ | {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    with turns.taken():
        return django(environ, start_response)
