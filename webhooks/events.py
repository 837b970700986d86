"""What apps can be told of (contract §9). The names are public: none is ever changed or given another meaning."""

from enum import StrEnum


class EventType(StrEnum):
    """The types of events. A flow has three names; its events bear that of the dialect that made it."""

    PATIENT_FLOW_COMPLETED = "patient_flow.completed"
    SESSION_COMPLETED = "session.completed"
    PATIENT_SESSION_COMPLETED = "patient_session.completed"
    PATIENT_FLOW_EXPIRED = "patient_flow.expired"
    SESSION_EXPIRED = "session.expired"
    PATIENT_SESSION_EXPIRED = "patient_session.expired"
    CONNECTION_CREATED = "connection.created"
    CONNECTION_DISCONNECTED = "connection.disconnected"
    CONNECTION_TOKEN_REFRESH_FAILED = "connection.token_refresh_failed"  # noqa: S105  not a password
    PATIENT_DELETED = "patient.deleted"
    RECORDS_SYNC_COMPLETED = "records.sync.completed"
    RECORDS_SYNC_FAILED = "records.sync.failed"
