"""Verbs about patients and their connections."""

from datetime import datetime
from typing import Any

from django.db import transaction

from common.errors import Conflict
from organizations.models import Organization
from patients.models import Connection, ConnectionStatus, Patient
from sources.models import Source
from sources.token_endpoint import Tokens


def create_patient(
    *,
    organization: Organization,
    reference: str,
    email: str | None = None,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Patient:
    """A new patient. Raises Conflict if the workspace has one of this reference."""
    patient = Patient(organization=organization, reference=reference, email=email, name=name, metadata=metadata or {})
    if not _inserted(patient):
        raise Conflict(
            "There is a patient with this id already.", code="external_id_already_exists", param="patient_id"
        )
    return patient


def upsert_patient(
    *, organization: Organization, reference: str, email: str | None = None, name: str | None = None
) -> Patient:
    """The patient of this reference, made if missing. A given email or name overwrites a different one.

    Safe when two requests name the same new patient at the same instant: both get the one row.
    """
    given = {field: value for field, value in (("email", email), ("name", name)) if value is not None}
    patient = organization.patients.filter(reference=reference).first()
    if patient is None:
        patient = Patient(organization=organization, reference=reference, **given)
        if _inserted(patient):
            return patient
        patient = organization.patients.get(reference=reference)
    changed = [field for field, value in given.items() if getattr(patient, field) != value]
    if changed:
        for field in changed:
            setattr(patient, field, given[field])
        patient.save(update_fields=[*changed, "updated_at"])
    return patient


def _inserted(patient: Patient) -> bool:
    """Insert unless the reference is taken; say whether it was. Never breaks the transaction around it."""
    Patient.objects.bulk_create([patient], ignore_conflicts=True)
    return Patient.objects.filter(pk=patient.pk).exists()


def connect(*, patient: Patient, source: Source, flow_id: str, tokens: Tokens, now: datetime) -> Connection:
    """Store access to a chart at a source: renews the connection there is to the same chart, else makes one."""
    access = {
        "flow_id": flow_id,
        "status": ConnectionStatus.ACTIVE,
        "failure_code": None,
        "failure_at": None,
        "scopes": tokens.scopes,
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "access_expires_at": tokens.expires_at,
        "consent_expires_at": tokens.consent_expires_at,
        "connected_at": now,
    }
    with transaction.atomic():
        # The patient's row serialises two sign-ins at the same source that end at the same instant.
        Patient.objects.select_for_update().get(pk=patient.pk)
        connection, _ = Connection.objects.exclude(status=ConnectionStatus.FAILED).update_or_create(
            patient=patient, source=source, fhir_patient_id=tokens.patient, defaults=access
        )
    return connection


def note_failed_attempt(
    *, patient: Patient, source: Source, flow_id: str, failure_code: str, now: datetime
) -> Connection:
    """Record that a sign-in came to nothing. A connection that exists is not touched."""
    return Connection.objects.create(
        patient=patient,
        source=source,
        flow_id=flow_id,
        status=ConnectionStatus.FAILED,
        failure_code=failure_code,
        failure_at=now,
    )
