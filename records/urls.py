from django.urls import path

from records.views import RecordsOfPatient

# Before `patients.urls`: what follows the patient's id here would otherwise belong to the id.
urlpatterns = [
    path("patients/<path:reference>/records", RecordsOfPatient.as_view()),
]
