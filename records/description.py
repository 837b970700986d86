"""What the API's document says of records (contract §8)."""

from datetime import timedelta

from common.describing.operations import Operation, Operations
from common.describing.shapes import Schema, always, sequence, shape, text, truth
from common.instants import INSTANT
from patients.description import IN_THE_PATH, REFERENCE, SOURCE_ID
from patients.references import MAX_LENGTH
from records.serializers import MAX_TYPES, TYPE, RecordsQuery
from records.streaming import AT_ONCE_OF_ONE_WORKSPACE, LONGEST, MEDIA_TYPE
from records.views import RecordsOfPatient

_RESOURCE: Schema = {
    "type": "object",
    "description": "The FHIR resource as the portal gave it, its decimals digit by digit. A `Patient` has your own id "
    "in `identifier`, with the system `urn:medblocks:patient-id`.",
    "additionalProperties": True,
}
RECORD = shape(
    "Record",
    "The latest version of one FHIR resource.",
    {"source": text("The source it came from.", nullable=True, pattern=SOURCE_ID), "resource": _RESOURCE},
)
RECORDS = shape(
    "PatientRecords",
    "A page of a patient's records.",
    {
        "resource_type": always("list", "What this object is."),
        "patient_id": text(REFERENCE, minLength=1, maxLength=MAX_LENGTH),
        "data": sequence("The records of this page, newest first.", RECORD.reference),
        "has_more": truth("Whether there are older ones."),
        "next_cursor": text("Give it as `starting_after` to get the older ones; null on the last page.", nullable=True),
        "previous_cursor": text(
            "Give it as `ending_before` to get the newer ones; null on the first page.", nullable=True
        ),
    },
    parts=(RECORD,),
)

_EXAMPLE = {
    "resource_type": "list",
    "patient_id": "user-1842",
    "data": [
        {
            "source": "fhirsrc_k7m2x5q3r6t4w2y7a5c3e6g2",
            "resource": {
                "resourceType": "Observation",
                "id": "hba1c-2026",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
                "valueQuantity": {"value": 5.4, "unit": "%"},
            },
        },
        {
            "source": "fhirsrc_k7m2x5q3r6t4w2y7a5c3e6g2",
            "resource": {
                "resourceType": "Patient",
                "id": "e3b0c442",
                "birthDate": "1984-02-29",
                "identifier": [{"system": "urn:medblocks:patient-id", "value": "user-1842"}],
            },
        },
    ],
    "has_more": False,
    "next_cursor": None,
    "previous_cursor": None,
}
_LINES: Schema = {
    "schema": {
        "type": "string",
        "description": "All records with these `type` and `since`, a FHIR resource to each line, newest first. An "
        "`OperationOutcome` of severity `fatal` in the last line says that they are not all.",
    },
    "example": '{"id": "hba1c-2026", "status": "final", "resourceType": "Observation"}\n'
    '{"id": "e3b0c442", "resourceType": "Patient"}\n',
}

LIST = Operation(
    id="listRecords",
    tag="Records",
    summary="Read a patient's records",
    description="The latest version of each resource that came from the patient's sources, in the order in which they "
    "first came, newest first. That order never changes, so no page skips or repeats any. Records stay when a "
    f"connection ends. With `Accept: {MEDIA_TYPE}` all of them come in one answer, without pages: for "
    f"{LONGEST // timedelta(minutes=1)} minutes at most, and at most {AT_ONCE_OF_ONE_WORKSPACE} such answers at once "
    "for a workspace from each process of the server.",
    query=RecordsQuery,
    words={
        "id": IN_THE_PATH,
        "type": f"Only these FHIR resource types, up to {MAX_TYPES}, separated by commas.",
        "since": "Only what came or changed here at or after this moment. It has a zone; encode a `+` as `%2B`. To "
        "miss nothing, name the moment a minute before you last asked: records show when their transaction ends.",
        "count": "How many on a page. It may hold fewer: one of about 8 MB ends early, with `has_more`.",
        "starting_after": "The `next_cursor` of another page with the same filters. Good for 7 days.",
        "ending_before": "The `previous_cursor` of another page with the same filters, and no `starting_after` beside "
        "it. Good for 7 days.",
    },
    limits={
        "type": {"pattern": f"^{TYPE}(,{TYPE}){{0,{MAX_TYPES - 1}}}$"},
        "since": {"format": "date-time", "pattern": f"^{INSTANT}$"},
    },
    path_examples={"id": "user-1842"},
    answer=RECORDS,
    example=_EXAMPLE,
    other_contents={MEDIA_TYPE: _LINES},
    codes=("not_found",),
)

OPERATIONS: Operations = {(RecordsOfPatient, "GET"): lambda view: LIST}
