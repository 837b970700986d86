"""What `make bench-api` compares with: one plain function in Django that asks the database what the product asks.

No framework on top, no middleware, no check of anything: it reads the JSON, runs the statements that the product ran
(bench/recording.py), and answers with JSON of the same shape.
"""

import json
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.bare_settings"

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone


def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def create(request: HttpRequest, kind: str) -> JsonResponse:
    steps, answer = load(kind)
    asked = json.loads(request.body)
    digest = keys.digest(request.headers["Authorization"].removeprefix("Bearer "))
    values = {Part.KEY_DIGEST: digest, Part.REFERENCE: asked["patient_id"]}
    made = replay(steps, values, timezone.now())
    flow = made[Part.FLOW]
    url = f"{settings.BASE_URL}/c/{links.token_for(flow)}"
    response = JsonResponse(answer | {"id": f"pf_{flow}", "url": url, "patient_id": asked["patient_id"]})
    response["Content-Length"] = len(response.content)  # without it granian sends chunks, which our clients do not read
    return response


application = get_wsgi_application()

# These need Django's settings.
from bench.recording import Part, load, replay  # noqa: E402
from flows import links  # noqa: E402
from organizations import keys  # noqa: E402

urlpatterns = [path("health", health), path("<str:kind>", create)]
