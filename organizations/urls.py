from django.urls import path

from organizations import views

urlpatterns = [
    path("branding/<str:organization_id>/<str:version>/accent.css", views.stylesheet, name="accent"),
    path("branding/<str:organization_id>/<str:version>/logo", views.logo, name="logo"),
]
