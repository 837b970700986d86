"""One system's addresses, below `/sandbox/<system>/`."""

from django.urls import path

from sandbox.views import fhir, oauth, portal

app_name = "sandbox"

urlpatterns = [
    path("", portal.home, name="home"),
    path("sign-in", portal.sign_in, name="sign-in"),
    path("oauth/authorize", oauth.authorize, name="authorize"),
    path("oauth/token", oauth.token, name="token"),
    path("oauth/revoke", oauth.revoke, name="revoke"),
    path("fhir/.well-known/smart-configuration", fhir.configuration),
    path("fhir/metadata", fhir.metadata),
    path("fhir/<str:resource_type>", fhir.search),
    path("fhir/<str:resource_type>/<str:resource_id>", fhir.read),
    path("fhir", fhir.unknown),
    path("fhir/", fhir.unknown),
    path("fhir/<path:path>", fhir.unknown),
]
