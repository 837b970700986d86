from django.urls import path

from webhooks.views import EventDetail, Events

urlpatterns = [
    path("events", Events.as_view()),
    path("events/<str:event_id>", EventDetail.as_view()),
]
