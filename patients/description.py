"""What the API's document says of patients (contract §4)."""

from common.describing.operations import Link, Operation, Operations
from common.describing.shapes import (
    METADATA_LIMITS,
    Schema,
    always,
    choice,
    integer,
    metadata,
    page_of,
    sequence,
    shape,
    text,
    timestamp,
    ulid_id,
)
from patients.models import ConnectionStatus, FailureCode
from patients.references import MAX_LENGTH
from patients.serializers import NewPatient, PatientListQuery, PatientReplacement
from patients.views import PatientConnection, PatientDetail, Patients

REFERENCE = "Your own id of the patient."
IN_THE_PATH = f"{REFERENCE} Percent-encode it: slashes, spaces, dots and non-ASCII characters all work."
SOURCE_ID = r"^fhirsrc_[a-z2-7]{24}$"

_PATIENT: dict[str, Schema] = {
    "id": text(REFERENCE, minLength=1, maxLength=MAX_LENGTH),
    "resource_type": always("patient", "What this object is."),
    "email": text("The patient's email address.", nullable=True, maxLength=254),
    "name": text("The patient's name.", nullable=True, maxLength=200),
    "metadata": metadata("Your own data, as you gave it."),
    "created_at": timestamp("When the patient was created."),
}

CONNECTION = shape(
    "Connection",
    "A patient's access to one chart at a source, or the record of an attempt that failed.",
    {
        "id": ulid_id("conn_", "The connection."),
        "resource_type": always("connection", "What this object is."),
        "patient_session_id": ulid_id("ps_", "The flow that made or last renewed it."),
        "connection_id": text("The **source** it leads to.", pattern=SOURCE_ID),
        "status": choice("Whether records can be read through it.", ConnectionStatus.values),
        "scopes": sequence("What the portal granted.", {"type": "string"}),
        "failure_code": choice("Why it is not there.", FailureCode.values, nullable=True),
        "failure_at": timestamp("When it failed.", nullable=True),
        "created_at": timestamp("When it was made."),
        "updated_at": timestamp("When it last changed."),
        "last_synced_at": timestamp("When records last came through it.", nullable=True),
        "records_count": integer("How many records came through it: resources, each counted once.", minimum=0),
    },
)
PATIENT = shape("Patient", "A person, under the id that you gave.", _PATIENT)
PATIENT_DETAIL = shape(
    "PatientDetail",
    "A patient with all connections, newest first, failed attempts included.",
    _PATIENT | {"connections": sequence("Newest first.", CONNECTION.reference)},
    parts=(CONNECTION,),
)
DELETED_PATIENT = shape(
    "DeletedPatient",
    "What is left of a patient.",
    {
        "id": text("The id that the patient had.", minLength=1, maxLength=MAX_LENGTH),
        "resource_type": always("patient", "What this was."),
        "deleted": always(True, "The patient is gone."),
    },
)
DISCONNECTED = shape(
    "DisconnectedConnection",
    "A connection that was ended.",
    {
        "id": ulid_id("conn_", "The connection."),
        "resource_type": always("connection", "What this object is."),
        "disconnected": always(True, "Its tokens are gone from this server."),
    },
)

_patient_example = {
    "id": "user-1842",
    "resource_type": "patient",
    "email": "jane@example.com",
    "name": "Jane Doe",
    "metadata": {"plan": "family"},
    "created_at": "2026-04-25T14:30:00.000Z",
}
_CONNECTION_ID = "conn_01JSP5Z3E8Q4N7T2V9W0X1Y2Z3"
_connection_example = {
    "id": _CONNECTION_ID,
    "resource_type": "connection",
    "patient_session_id": "ps_01JSP5Y0A1B2C3D4E5F6G7H8J9",
    "connection_id": "fhirsrc_k7m2x5q3r6t4w2y7a5c3e6g2",
    "status": "active",
    "scopes": ["patient/*.read", "offline_access"],
    "failure_code": None,
    "failure_at": None,
    "created_at": "2026-04-25T14:32:10.000Z",
    "updated_at": "2026-04-25T14:32:10.000Z",
    "last_synced_at": "2026-04-25T14:33:05.000Z",
    "records_count": 214,
}
_body_words = {
    "patient_id": f"{REFERENCE} Not beginning with one of the prefixes of our ids.",
    "email": "The patient's email address.",
    "name": "The patient's name, one line.",
    "metadata": f"Your own data. {METADATA_LIMITS}",
}
_own_id = {"id": "$response.body#/id"}
_links = (
    Link("GetPatient", "getPatient", _own_id),
    Link("ReplacePatient", "replacePatient", _own_id),
    Link("DeletePatient", "deletePatient", _own_id),
    Link("ListRecords", "listRecords", _own_id),
)

CREATE = Operation(
    id="createPatient",
    tag="Patients",
    summary="Create a patient",
    description="Makes a patient under your own id. Creating a flow does this by itself.",
    body=NewPatient,
    body_example={"patient_id": "user-1842", "email": "jane@example.com", "name": "Jane Doe"},
    words=_body_words,
    answer=PATIENT,
    example=_patient_example,
    codes=("external_id_already_exists",),
    links=_links,
)
LIST = Operation(
    id="listPatients",
    tag="Patients",
    summary="List patients",
    description="The patients of the workspace, newest first.",
    query=PatientListQuery,
    words={
        "limit": "How many on a page.",
        "starting_after": "The `next_cursor` of the page before, with the same filters.",
        "patient_id": "Only the patient with exactly this id.",
        "email": "Only patients with exactly this email address.",
    },
    answer=page_of(PATIENT),
    example={"resource_type": "list", "data": [_patient_example], "has_more": False, "next_cursor": None},
)
GET = Operation(
    id="getPatient",
    tag="Patients",
    summary="Get a patient",
    description="The patient with all connections.",
    words={"id": IN_THE_PATH},
    path_examples={"id": "user-1842"},
    answer=PATIENT_DETAIL,
    example=_patient_example | {"connections": [_connection_example]},
    codes=("not_found",),
    links=(
        Link(
            "Disconnect",
            "disconnectConnection",
            {"id": "$response.body#/id", "connection_id": "$response.body#/connections/0/id"},
        ),
        Link("ListRecords", "listRecords", _own_id),
    ),
)

REPLACE = Operation(
    id="replacePatient",
    tag="Patients",
    summary="Replace a patient",
    description="Replaces everything you gave: what is left out becomes null, and `metadata` empty. "
    "Connections and flows stay.",
    body=PatientReplacement,
    body_example={"patient_id": "user-1842", "email": "jane@example.com"},
    words={**_body_words, "patient_id": "The id in the address, once more: ids do not change.", "id": IN_THE_PATH},
    path_examples={"id": "user-1842"},
    answer=PATIENT,
    example=_patient_example | {"name": None, "metadata": {}},
    codes=("not_found",),
    links=(Link("GetPatient", "getPatient", _own_id),),
)
DELETE = Operation(
    id="deletePatient",
    tag="Patients",
    summary="Delete a patient",
    description="Erases the patient with all flows, connections, tokens and records, at once. "
    "The portals are told in the background to take back the access they gave.",
    words={"id": IN_THE_PATH},
    path_examples={"id": "user-1842"},
    answer=DELETED_PATIENT,
    example={"id": "user-1842", "resource_type": "patient", "deleted": True},
    codes=("not_found",),
)
DISCONNECT = Operation(
    id="disconnectConnection",
    tag="Patients",
    summary="Disconnect a connection",
    description="Ends a patient's connection: its tokens are erased here at once, and the portal is told in the "
    "background to take back the access it gave.",
    words={"id": IN_THE_PATH, "connection_id": "The connection, `conn_…`."},
    path_examples={"id": "user-1842", "connection_id": _CONNECTION_ID},
    answer=DISCONNECTED,
    example={"id": _CONNECTION_ID, "resource_type": "connection", "disconnected": True},
    codes=("not_found",),
)

OPERATIONS: Operations = {
    (Patients, "POST"): lambda view: CREATE,
    (Patients, "GET"): lambda view: LIST,
    (PatientDetail, "GET"): lambda view: GET,
    (PatientDetail, "PUT"): lambda view: REPLACE,
    (PatientDetail, "DELETE"): lambda view: DELETE,
    (PatientConnection, "DELETE"): lambda view: DISCONNECT,
}
