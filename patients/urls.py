from django.urls import path

from patients.views import PatientDetail, Patients

urlpatterns = [
    path("patients", Patients.as_view()),
    path("patients/<path:reference>", PatientDetail.as_view()),
]
