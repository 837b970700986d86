from django.urls import path

from webhooks.endpoint_views import (
    EndpointDetail,
    EndpointEvents,
    EndpointReplay,
    Endpoints,
    EndpointSecret,
    EndpointTest,
)
from webhooks.views import EventDetail, EventRedelivery, Events

urlpatterns = [
    path("webhooks", Endpoints.as_view()),
    path("webhooks/<str:endpoint_id>", EndpointDetail.as_view()),
    path("webhooks/<str:endpoint_id>/rotate-secret", EndpointSecret.as_view()),
    path("webhooks/<str:endpoint_id>/events", EndpointEvents.as_view()),
    path("webhooks/<str:endpoint_id>/replay", EndpointReplay.as_view()),
    path("webhooks/<str:endpoint_id>/test", EndpointTest.as_view()),
    path("events", Events.as_view()),
    path("events/<str:event_id>", EventDetail.as_view()),
    path("events/<str:event_id>/redeliver", EventRedelivery.as_view()),
]
