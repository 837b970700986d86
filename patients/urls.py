from django.urls import path

from patients.views import PatientConnection, PatientDetail, Patients

# An id may have slashes: what follows it in an address comes first (patients/references.py, and flows/urls.py).
urlpatterns = [
    path("patients", Patients.as_view()),
    path("patients/<path:reference>/connections/<str:connection_id>", PatientConnection.as_view()),
    path("patients/<path:reference>", PatientDetail.as_view()),
]
