"""What apps are told of patients and their connections (contract §9)."""

from datetime import datetime

from organizations.models import Organization
from patients.models import Connection
from patients.serializers import connection_out, deleted_out
from webhooks.events import EventType
from webhooks.forgetting import forget_patient
from webhooks.operations import emit


def tell_of_connection(connection_id: str, type: EventType, now: datetime) -> None:  # noqa: A002  the contract's word
    """Write an event about a connection as it is now stored, in the transaction that has just changed it.

    One query and one INSERT.
    """
    stored = Connection.objects.select_related("patient").defer("access_token", "refresh_token").get(pk=connection_id)
    patient = stored.patient
    told = connection_out(stored) | {"patient_id": patient.reference}
    emit(patient.organization_id, type, told, now=now, patient_id=patient.pk)


def tell_of_erasure(organization: Organization, *, patient_id: str, reference: str, now: datetime) -> None:
    """The last step of an erasure: nothing that was told of the patient stays, but that they were deleted.

    That event bears no id of ours, only the app's own: it is about nobody any more.
    """
    forget_patient(organization.pk, patient_id)
    emit(organization, EventType.PATIENT_DELETED, deleted_out(reference), now=now)
