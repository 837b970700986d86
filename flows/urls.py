from django.urls import path

from flows.dialects import DIALECTS
from flows.views import FlowDetail, FlowExpiry, Flows, FlowsOfPatient

# Before `patients.urls`: what follows the patient's id here would otherwise belong to the id.
urlpatterns = [
    pattern
    for dialect in DIALECTS.values()
    for pattern in (
        path(dialect.path, Flows.as_view(dialect=dialect)),
        path(f"{dialect.path}/<str:public_id>", FlowDetail.as_view(dialect=dialect)),
        path(f"{dialect.path}/<str:public_id>/expire", FlowExpiry.as_view(dialect=dialect)),
        path(f"patients/<path:reference>/{dialect.path}", FlowsOfPatient.as_view(dialect=dialect)),
    )
]
