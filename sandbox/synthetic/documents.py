"""Notes: a DocumentReference, and the Binary that holds its text."""

import base64

from sandbox.synthetic.draft import Draft, Json, concept, instant, reference_to
from sandbox.synthetic.terms import LOINC, NOTES, Concept

CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


def binary(draft: Draft, number: int) -> None:
    _, at = draft.visit()
    person = draft.person
    text = f"{draft.system.name}\nPretend note {number + 1} for {person.name}.\nFeeling well. Seen again in a year.\n"
    body: Json = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    draft.add("Binary", body, at)


def document_reference(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    content = draft.by_type["Binary"][number]
    body: Json = {
        "status": "current",
        "type": concept(LOINC, NOTES[number % len(NOTES)]),
        "category": [concept(CATEGORY, Concept("clinical-note", "Clinical Note"))],
        "subject": draft.patient,
        "date": instant(at),
        "author": [draft.reference("Practitioner")],
        "content": [{"attachment": {"contentType": "text/plain", "url": reference_to(content)["reference"]}}],
        "context": {"encounter": [visit]},
    }
    draft.add("DocumentReference", body, at)
