"""The shapes of patients and connections in the API (contract §4)."""

from typing import Any

from common.fields import LineField, MetadataField, StrictEmailField, StrictSerializer, TextField, TimestampField
from common.pagination import PageQuery
from patients.models import Connection, Patient
from patients.references import MAX_LENGTH, RESERVED_PREFIXES, is_ambiguous, is_dots, is_reserved


class PatientReferenceField(LineField):
    """The app's own id of a patient."""

    default_error_messages = {
        "reserved": f"Ids beginning with {', '.join(RESERVED_PREFIXES)} are reserved.",
        "dots": "Clients read . and .. in an address as something else. Choose another id.",
        "ambiguous": "Addresses of other things end like this id: it could not be told apart. Change its last part.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        reference = super().to_internal_value(data)
        if is_reserved(reference):
            self.fail("reserved")
        if is_dots(reference):
            self.fail("dots")
        if is_ambiguous(reference):
            self.fail("ambiguous")
        return reference


class NewPatient(StrictSerializer):
    patient_id = PatientReferenceField(source="reference")
    email = StrictEmailField(max_length=254, required=False, allow_null=True)
    name = LineField(max_length=200, required=False, allow_null=True)
    metadata = MetadataField(required=False)


class PatientReplacement(StrictSerializer):
    # Compared with the address, where any id may stand.
    patient_id = TextField(source="reference")
    email = StrictEmailField(max_length=254, required=False, allow_null=True)
    name = LineField(max_length=200, required=False, allow_null=True)
    metadata = MetadataField(required=False)


class PatientListQuery(PageQuery):
    patient_id = TextField(required=False, max_length=MAX_LENGTH)
    email = TextField(required=False, max_length=254)


_timestamp = TimestampField().to_representation


def patient_out(patient: Patient) -> dict[str, Any]:
    """The Patient object."""
    return {
        "id": patient.reference,
        "resource_type": "patient",
        "email": patient.email,
        "name": patient.name,
        "metadata": patient.metadata,
        "created_at": _timestamp(patient.created_at),
    }


def connection_out(connection: Connection) -> dict[str, Any]:
    """A connection inside PatientDetail."""
    return {
        "id": f"conn_{connection.id}",
        "resource_type": "connection",
        "patient_session_id": f"ps_{connection.flow_id}",
        "connection_id": connection.source_id,
        "status": connection.status,
        "scopes": connection.scopes,
        "failure_code": connection.failure_code,
        "failure_at": connection.failure_at and _timestamp(connection.failure_at),
        "created_at": _timestamp(connection.created_at),
        "updated_at": _timestamp(connection.updated_at),
        "last_synced_at": connection.last_synced_at and _timestamp(connection.last_synced_at),
        "records_count": connection.records_count,
    }


def patient_detail_out(patient: Patient) -> dict[str, Any]:
    """The PatientDetail object. One query for the connections."""
    newest_first = patient.connections.order_by("-created_at", "-id").defer("access_token", "refresh_token")
    return patient_out(patient) | {"connections": [connection_out(connection) for connection in newest_first]}


def deleted_out(reference: str) -> dict[str, Any]:
    """What is left of a patient."""
    return {"id": reference, "resource_type": "patient", "deleted": True}


def disconnected_out(public_id: str) -> dict[str, Any]:
    """What is said of a connection that was ended."""
    return {"id": public_id, "resource_type": "connection", "disconnected": True}
