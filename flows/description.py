"""What the API's document says of flows, in each dialect (contract §1, §5)."""

from typing import Any

from common.describing.operations import Link, Operation, Operations
from common.describing.shapes import (
    METADATA_LIMITS,
    Shape,
    always,
    choice,
    metadata,
    page_of,
    sequence,
    shape,
    text,
    timestamp,
    ulid_id,
)
from flows.dialects import Dialect
from flows.models import MAX_RECOMMENDED, FlowStatus
from flows.return_urls import MAX_LENGTH as MAX_RETURN_URL
from flows.serializers import FlowListQuery, NewFlow
from flows.views import FlowDetail, FlowExpiry, Flows, FlowsOfPatient
from patients.models import ConnectionStatus, FailureCode
from patients.references import MAX_LENGTH

SOURCE_ID = r"^fhirsrc_[a-z2-7]{24}$"

FLOW_CONNECTION = shape(
    "FlowConnection",
    "What came of one sign-in of the flow.",
    {
        "id": ulid_id("conn_", "The connection; null for a failed attempt.", nullable=True),
        "connection_id": text("The **source** that the patient chose.", pattern=SOURCE_ID),
        "status": choice("Whether records can be read through it.", ConnectionStatus.values),
        "failure_code": choice("Why it is not there.", FailureCode.values, nullable=True),
        "failure_at": timestamp("When it failed.", nullable=True),
        "created_at": timestamp("When it was made."),
    },
)
_TITLES = {"patient_flow": "PatientFlow", "session": "Session", "patient_session": "PatientSession"}
_WORDS = {"patient_flow": "patient flow", "session": "session", "patient_session": "patient session"}
_TAGS = {"patient_flow": "Patient flows", "session": "Sessions", "patient_session": "Patient sessions"}
_ULID = "01JSP5Y0A1B2C3D4E5F6G7H8J9"
BODY_WORDS = {
    "patient_id": "Your own id of the patient. Makes the patient, or takes the one there is.",
    "patient_email": "The patient's email address. Overwrites a different one; left out, nothing changes.",
    "patient_name": "The patient's name. Overwrites a different one; left out, nothing changes.",
    "connection_id": "Direct mode: the source to sign in at, by its `fhirsrc_…` id or FHIR base URL.",
    "recommended_connection_ids": "Picker mode: sources to show first, in this order. Not with `connection_id`.",
    "return_url": "Where the patient goes back to: https, or http to localhost, or an app scheme that the workspace "
    "allows. No user name, no fragment. Our parameters are appended to its query.",
    "return_button_label": "What the button that leads back says.",
    "expires_in": "After how many seconds the link closes, as an integer, not `60.0`. "
    "Half an hour where it is left out.",
    "metadata": f"Your own data about the flow. {METADATA_LIMITS}",
}


def flow_shape(dialect: Dialect) -> Shape:
    """The flow object, in a dialect's words."""
    fields = {
        "id": ulid_id(dialect.prefix, "The flow."),
        "resource_type": always(dialect.name, "What this object is."),
        "status": choice("True at the moment of reading.", FlowStatus.values),
        "url": text("The patient's link. Give it to nobody else.", format="uri", pattern="/c/[0-9a-f]{32}$"),
        "patient_id": text("Your own id of the patient.", minLength=1, maxLength=MAX_LENGTH),
        "connection_id": text("Direct mode: the source. Null in picker mode.", nullable=True, pattern=SOURCE_ID),
        "recommended_connection_ids": sequence(
            "Picker mode: the sources shown first. Null in direct mode and where none were given.",
            {"type": "string", "pattern": SOURCE_ID},
            nullable=True,
            minItems=1,
            maxItems=MAX_RECOMMENDED,
        ),
        "return_url": text("Where the patient goes back to.", maxLength=MAX_RETURN_URL),
        "return_button_label": text("What the button that leads back says.", nullable=True, maxLength=60),
        "connections": sequence("What came of the sign-ins, newest first.", FLOW_CONNECTION.reference),
        "expires_at": timestamp("When the link closes."),
        "metadata": metadata("Your own data, as you gave it."),
        "created_at": timestamp("When the flow was created."),
    }
    return shape(
        _TITLES[dialect.name],
        f"One journey of one patient through the browser, as a {_WORDS[dialect.name]}.",
        fields,
        parts=(FLOW_CONNECTION,),
    )


def flow_example(dialect: Dialect) -> dict[str, Any]:
    return {
        "id": dialect.public_id(_ULID),
        "resource_type": dialect.name,
        "status": "open",
        "url": "https://connect.example.com/c/3f0c8a5d9e7b4c2196a1d4e8b7f05c32",
        "patient_id": "user-1842",
        "connection_id": None,
        "recommended_connection_ids": None,
        "return_url": "https://app.example.com/back",
        "return_button_label": None,
        "connections": [],
        "expires_at": "2026-04-25T15:00:00.000Z",
        "metadata": {},
        "created_at": "2026-04-25T14:30:00.000Z",
    }


def _get(dialect: Dialect) -> str:
    return f"get{_TITLES[dialect.name]}"


def create(view: Flows) -> Operation:
    dialect = view.dialect
    title = _TITLES[dialect.name]
    own_id = {"id": "$response.body#/id"}
    return Operation(
        id=f"create{title}",
        tag=_TAGS[dialect.name],
        summary=f"Create a {_WORDS[dialect.name]}",
        description="Makes the link that the patient opens. The patient is made, or reused, in the same step.",
        body=NewFlow,
        body_example={"patient_id": "user-1842", "return_url": "https://app.example.com/back"},
        words=BODY_WORDS,
        limits={"return_url": {"format": "uri", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[!-\"$-\[\]-~]+$"}},
        not_together=("connection_id", "recommended_connection_ids"),
        answer=flow_shape(dialect),
        example=flow_example(dialect),
        codes=("resource_not_found",),
        links=(
            Link(f"Get{title}", _get(dialect), own_id),
            Link(f"Expire{title}", f"expire{title}", own_id),
            Link(f"List{title}s", f"list{title}sOfPatient", {"id": "$response.body#/patient_id"}),
            Link("GetPatient", "getPatient", {"id": "$response.body#/patient_id"}),
        ),
    )


def get(view: FlowDetail) -> Operation:
    dialect = view.dialect
    return Operation(
        id=_get(dialect),
        tag=_TAGS[dialect.name],
        summary=f"Get a {_WORDS[dialect.name]}",
        description="The flow as it is now. An id of any dialect will do.",
        words={"id": "The flow's id: `pf_…`, `sess_…` or `ps_…`."},
        path_examples={"id": dialect.public_id(_ULID)},
        answer=flow_shape(dialect),
        example=flow_example(dialect),
        codes=("resource_not_found",),
    )


def expire(view: FlowExpiry) -> Operation:
    dialect = view.dialect
    return Operation(
        id=f"expire{_TITLES[dialect.name]}",
        tag=_TAGS[dialect.name],
        summary=f"Expire a {_WORDS[dialect.name]}",
        description="Closes an open link at once. Nothing happens to a flow that is closed already. Takes no fields.",
        takes_no_fields=True,
        words={"id": "The flow's id: `pf_…`, `sess_…` or `ps_…`."},
        path_examples={"id": dialect.public_id(_ULID)},
        answer=flow_shape(dialect),
        example=flow_example(dialect) | {"status": "expired"},
        codes=("resource_not_found",),
    )


def list_of_patient(view: FlowsOfPatient) -> Operation:
    dialect = view.dialect
    title = _TITLES[dialect.name]
    return Operation(
        id=f"list{title}sOfPatient",
        tag=_TAGS[dialect.name],
        summary=f"List the {_WORDS[dialect.name]}s of a patient",
        description="All flows of the patient, newest first, whatever dialect created them.",
        query=FlowListQuery,
        words={
            "id": "Your own id of the patient, percent-encoded.",
            "status": "Only flows that have this status now.",
            "limit": "How many on a page.",
            "starting_after": "The `next_cursor` of the page before, with the same filters.",
        },
        path_examples={"id": "user-1842"},
        answer=page_of(flow_shape(dialect)),
        example={"resource_type": "list", "data": [flow_example(dialect)], "has_more": False, "next_cursor": None},
        codes=("not_found",),
        links=(Link(f"Get{title}", _get(dialect), {"id": "$response.body#/data/0/id"}),),
    )


OPERATIONS: Operations = {
    (Flows, "POST"): create,
    (FlowDetail, "GET"): get,
    (FlowExpiry, "POST"): expire,
    (FlowsOfPatient, "GET"): list_of_patient,
}
