from django.urls import path

from flows.dialects import DIALECTS
from flows.views import FlowDetail, Flows

urlpatterns = [
    pattern
    for dialect in DIALECTS.values()
    for pattern in (
        path(dialect.path, Flows.as_view(dialect=dialect)),
        path(f"{dialect.path}/<str:public_id>", FlowDetail.as_view(dialect=dialect)),
    )
]
