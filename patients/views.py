"""`/patients` (contract §4)."""

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import PATIENT_CODES, NotFound
from common.fields import parse, parse_query
from common.pagination import page_of
from organizations.api import ApiView
from organizations.models import Organization
from patients.models import Patient
from patients.operations import create_patient
from patients.serializers import NewPatient, PatientListQuery, patient_detail_out, patient_out


class Patients(ApiView):
    scopes = {"GET": "patients:read", "POST": "patients:write"}
    takes_query = True
    error_codes = PATIENT_CODES

    def get(self, request: Request) -> Response:
        query = parse_query(PatientListQuery, request.query_params).validated_data
        page = page_of(
            filtered(self.organization, query),
            order_by=("-created_at", "-id"),
            limit=query["limit"],
            starting_after=query.get("starting_after"),
            list_name=f"patients:{self.organization.id}:{query.get('patient_id')!r}:{query.get('email')!r}",
            render=patient_out,
        )
        return Response(page)

    def post(self, request: Request) -> Response:
        form = parse(NewPatient, request.data)
        patient = create_patient(organization=self.organization, **form.validated_data)
        return Response(patient_out(patient))


class PatientDetail(ApiView):
    scopes = {"GET": "patients:read"}
    error_codes = PATIENT_CODES

    def get(self, request: Request, reference: str) -> Response:
        return Response(patient_detail_out(find_patient(self.organization, reference)))


def find_patient(organization: Organization, reference: str) -> Patient:
    """The workspace's patient of this reference. Raises NotFound."""
    patient = organization.patients.filter(reference=reference).first() if "\x00" not in reference else None
    if patient is None:
        raise NotFound("There is no patient with this id.")
    return patient


def filtered(organization: Organization, query: dict[str, str]) -> QuerySet[Patient]:
    patients = organization.patients.all()
    if "patient_id" in query:
        patients = patients.filter(reference=query["patient_id"])
    if "email" in query:
        patients = patients.filter(email=query["email"])
    return patients
