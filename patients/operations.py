"""Verbs about patients and their connections."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from common.errors import Conflict, NotFound
from organizations.models import Organization
from patients import renewal
from patients.events import tell_of_connection
from patients.holding import PatientErased, holding
from patients.models import Connection, ConnectionStatus, Patient
from patients.revocations import revocation_of, revoke_later, with_sealed_tokens
from sources.models import ClientRegistration, Source
from sources.token_endpoint import Tokens
from webhooks.events import EventType


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


def replace_patient(
    *,
    organization: Organization,
    reference: str,
    email: str | None = None,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Patient:
    """The workspace's patient of this reference with exactly these details: what is not given is emptied.

    Raises NotFound; makes nobody.
    """
    named = organization.patients.filter(reference=reference) if "\x00" not in reference else Patient.objects.none()
    with transaction.atomic():  # what is written is what is returned
        if not named.update(email=email, name=name, metadata=metadata or {}, updated_at=timezone.now()):
            raise NotFound("There is no patient with this id.")
        return named.get()


def _inserted(patient: Patient) -> bool:
    """Insert unless the reference is taken; say whether it was. Never breaks the transaction around it."""
    Patient.objects.bulk_create([patient], ignore_conflicts=True)
    return Patient.objects.filter(pk=patient.pk).exists()


def connect(
    *,
    patient: Patient,
    source: Source,
    flow_id: str,
    tokens: Tokens,
    now: datetime,
    registration: ClientRegistration | None = None,
) -> Connection:
    """Store access to a chart at a source: renews the connection there is to the same chart, else makes one.

    Either way the app is told that there is access. `registration` is who we were when the portal gave the tokens.
    Raises PatientErased.
    """
    access = {
        "flow_id": flow_id,
        "status": ConnectionStatus.ACTIVE,
        "failure_code": None,
        "failure_at": None,
        "scopes": tokens.scopes,
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "access_obtained_at": now,
        "access_expires_at": tokens.expires_at,
        "consent_expires_at": tokens.consent_expires_at,
        "connected_at": now,
        "registration": registration,
        "token_version": F("token_version") + 1,
        "spending_since": None,
        "refresh_failures": 0,
        "refresh_due_at": renewal.due_after(now) if tokens.refresh else tokens.expires_at,
    }
    # One after the other: two sign-ins at the same source that end at the same instant, and a disconnection.
    with holding(patient.pk):
        # The old tokens are not read: signing in again is how to go on where their key was lost.
        known = Connection.objects.exclude(status=ConnectionStatus.FAILED).defer("access_token", "refresh_token")
        connection, _ = known.update_or_create(
            patient=patient,
            source=source,
            fhir_patient_id=tokens.patient,
            defaults=access,
            create_defaults=access | {"token_version": 1},
        )
        tell_of_connection(connection.pk, EventType.CONNECTION_CREATED, now)
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
        created_at=now,
    )


def disconnect(*, patient: Patient, connection_id: str, now: datetime) -> None:
    """End a connection: its tokens go at once here, and in the background at the portal.

    One that is disconnected already stays as it is, so that a retry is safe. Raises NotFound for an id that is not
    this patient's, and for an attempt that failed: there is nothing to end.
    """
    try:
        with holding(patient.pk):
            named = Connection.objects.select_for_update().filter(patient=patient, pk=connection_id)
            connection = with_sealed_tokens(named).first()
            if connection is None or connection.status == ConnectionStatus.FAILED:
                raise NotFound("This patient has no connection with this id that could be disconnected.")
            if connection.can_be_disconnected:
                revoke_later([revocation_of(connection, organization_id=patient.organization_id, now=now)])
                _clear(connection, now)
                tell_of_connection(connection.pk, EventType.CONNECTION_DISCONNECTED, now)
    except PatientErased as erased:
        raise NotFound("There is no patient with this id.") from erased


def _clear(connection: Connection, now: datetime) -> None:
    Connection.objects.filter(pk=connection.pk).update(
        status=ConnectionStatus.DISCONNECTED,
        **renewal.NO_ACCESS,
        failure_code=None,
        failure_at=None,
        updated_at=now,
    )
