from django.urls import path

from sources.brands_views import Brands
from sources.views import SourceDetail, Sources

urlpatterns = [
    path("connections", Sources.as_view()),
    path("connections/<path:reference>", SourceDetail.as_view()),
    path("directory/brands", Brands.as_view()),
]
