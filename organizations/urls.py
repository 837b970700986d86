from django.urls import path

from organizations import views

urlpatterns = [
    path("branding/<slug:organization_id>/<slug:version>/accent.css", views.stylesheet, name="accent"),
    path("branding/<slug:organization_id>/<slug:version>/logo", views.logo, name="logo"),
]
