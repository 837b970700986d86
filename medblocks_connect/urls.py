"""All addresses. What is not a page (`common.handlers.PAGE_PREFIXES`) is the API: JSON, errors too."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from common import handlers
from medblocks_connect.openapi.served import docs, openapi_json
from medblocks_connect.views import home, returned
from sources.jwks import jwks

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home),
    # First, and all below one prefix: each keystroke of a search is looked up here.
    path("", include("picker.urls")),
    # A patient's flows and records come before the patients: an id may have slashes, so that both match.
    path("", include("flows.urls")),
    path("", include("records.urls")),
    path("", include("patients.urls")),
    path("", include("sources.urls")),
    path("", include("webhooks.urls")),
    path("", include("organizations.urls")),
    path(".well-known/jwks.json", jwks),
    path("openapi.json", openapi_json),
    path("docs", docs),
    path("errors/", handlers.error_index),
    path("errors/<str:code>", handlers.error_page),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
]
if settings.SANDBOX:
    urlpatterns += [
        path("sandbox/<slug:system>/", include("sandbox.urls")),
        path("demo/returned", returned),
    ]

handler400 = "common.handlers.bad_request"
handler403 = "common.handlers.permission_denied"
handler404 = "common.handlers.not_found"
handler500 = "common.handlers.server_error"
