"""What each type of event tells, by a realistic example: for test events, the API's document and the guides.

Examples are in the newest version of the API. Nobody is meant: the patient, the flow and the source do not exist.
"""

from typing import Any

from webhooks.events import EventType

_ULID = "01JSP5Y0A1B2C3D4E5F6G7H8J9"
_CONNECTION_ID = "conn_01JSP5Z3E8Q4N7T2V9W0X1Y2Z3"
_SOURCE_ID = "fhirsrc_k7m2x5q3r6t4w2y7a5c3e6g2"
_PATIENT_ID = "user-1842"
_CONNECTED_AT = "2026-04-25T14:32:10.000Z"
_EXPIRED_AT = "2026-04-25T15:00:00.000Z"

_CONNECTION = {
    "id": _CONNECTION_ID,
    "resource_type": "connection",
    "patient_session_id": f"ps_{_ULID}",
    "connection_id": _SOURCE_ID,
    "status": "active",
    "scopes": ["launch/patient", "offline_access", "patient/*.rs"],
    "failure_code": None,
    "failure_at": None,
    "created_at": _CONNECTED_AT,
    "updated_at": _CONNECTED_AT,
    "last_synced_at": None,
    "records_count": 0,
    "patient_id": _PATIENT_ID,
}
_LATER = {"updated_at": "2026-05-02T08:15:30.000Z", "last_synced_at": "2026-05-01T02:00:04.000Z", "records_count": 214}
_CONNECTION_OF_FLOW = {
    "id": _CONNECTION_ID,
    "connection_id": _SOURCE_ID,
    "status": "active",
    "failure_code": None,
    "failure_at": None,
    "created_at": _CONNECTED_AT,
}
_SYNC = {"resource_type": "records_sync", "patient_id": _PATIENT_ID, "connection_id": _SOURCE_ID}


def _flow(prefix: str, name: str, status: str, connections: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": prefix + _ULID,
        "resource_type": name,
        "status": status,
        "url": "https://connect.example.com/c/3f0c8a5d9e7b4c2196a1d4e8b7f05c32",
        "patient_id": _PATIENT_ID,
        "connection_id": None,
        "recommended_connection_ids": None,
        "return_url": "https://app.example.com/back",
        "return_button_label": "Back to Bluebird",
        "connections": connections,
        "expires_at": _EXPIRED_AT,
        "metadata": {"clinic": "north"},
        "created_at": "2026-04-25T14:30:00.000Z",
    }


def _completed(prefix: str, name: str) -> dict[str, Any]:
    return _flow(prefix, name, "complete", [_CONNECTION_OF_FLOW])


def _expired(prefix: str, name: str) -> dict[str, Any]:
    return _flow(prefix, name, "expired", [])


EXAMPLES: dict[str, dict[str, Any]] = {
    EventType.PATIENT_FLOW_COMPLETED: _completed("pf_", "patient_flow"),
    EventType.SESSION_COMPLETED: _completed("sess_", "session"),
    EventType.PATIENT_SESSION_COMPLETED: _completed("ps_", "patient_session"),
    EventType.PATIENT_FLOW_EXPIRED: _expired("pf_", "patient_flow"),
    EventType.SESSION_EXPIRED: _expired("sess_", "session"),
    EventType.PATIENT_SESSION_EXPIRED: _expired("ps_", "patient_session"),
    EventType.CONNECTION_CREATED: _CONNECTION,
    EventType.CONNECTION_DISCONNECTED: _CONNECTION | _LATER | {"status": "disconnected"},
    EventType.CONNECTION_TOKEN_REFRESH_FAILED: _CONNECTION
    | _LATER
    | {"status": "refresh_failed", "failure_code": "refresh_rejected", "failure_at": "2026-05-02T08:15:30.000Z"},
    EventType.PATIENT_DELETED: {"id": _PATIENT_ID, "resource_type": "patient", "deleted": True},
    EventType.RECORDS_SYNC_COMPLETED: _SYNC | {"total": 214, "errors": 0, "duration_ms": 8120},
    EventType.RECORDS_SYNC_FAILED: _SYNC | {"error_message": "The portal did not answer."},
}
"""What `data.object` of an event of each type is."""
