"""`/patients` (contract §4)."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request

from common.errors import PATIENT_CODES, InvalidRequest, NotFound
from common.fields import parse, parse_query
from common.ids import is_ulid
from common.pagination import page_of
from organizations.api import ApiView
from organizations.models import Organization
from patients.erasure import erase_patient
from patients.models import Patient
from patients.operations import create_patient, disconnect, replace_patient
from patients.serializers import (
    NewPatient,
    PatientListQuery,
    PatientReplacement,
    deleted_out,
    disconnected_out,
    patient_detail_out,
    patient_out,
)


class Patients(ApiView):
    scopes = {"GET": "patients:read", "POST": "patients:write"}
    takes_query = True
    error_codes = PATIENT_CODES

    def get(self, request: Request) -> dict[str, Any]:
        query = parse_query(PatientListQuery, request.query_params).validated_data
        return page_of(
            filtered(self.organization, query),
            order_by=("-created_at", "-id"),
            limit=query["limit"],
            starting_after=query.get("starting_after"),
            list_name=f"patients:{self.organization.id}:{query.get('patient_id')!r}:{query.get('email')!r}",
            render=patient_out,
        )

    def post(self, request: Request) -> dict[str, Any]:
        form = parse(NewPatient, request.data)
        patient = create_patient(organization=self.organization, **form.validated_data)
        return patient_out(patient)


class PatientDetail(ApiView):
    scopes = {"GET": "patients:read", "PUT": "patients:write", "DELETE": "patients:write"}
    error_codes = PATIENT_CODES

    def get(self, request: Request, reference: str) -> dict[str, Any]:
        return patient_detail_out(find_patient(self.organization, reference))

    def put(self, request: Request, reference: str) -> dict[str, Any]:
        form = parse(PatientReplacement, request.data).validated_data
        if form["reference"] != reference:
            raise InvalidRequest("patient_id must be the id in the address: ids do not change.", param="patient_id")
        return patient_out(replace_patient(organization=self.organization, **form))

    def delete(self, request: Request, reference: str) -> dict[str, Any]:
        erase_patient(organization=self.organization, reference=reference, now=timezone.now())
        return deleted_out(reference)


class PatientConnection(ApiView):
    scopes = {"DELETE": "patients:write"}
    error_codes = PATIENT_CODES

    def delete(self, request: Request, reference: str, connection_id: str) -> dict[str, Any]:
        patient = find_patient(self.organization, reference)
        ulid = connection_id.removeprefix("conn_")
        if ulid == connection_id or not is_ulid(ulid):
            raise NotFound("Send the id of one of the patient's connections: it begins with conn_.")
        disconnect(patient=patient, connection_id=ulid, now=timezone.now())
        return disconnected_out(connection_id)


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
