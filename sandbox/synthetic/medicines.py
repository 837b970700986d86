"""Medicines and their prescriptions. Some prescriptions name the medicine, others refer to it, as in real charts."""

from sandbox.synthetic.draft import Draft, Json, concept, hl7, instant
from sandbox.synthetic.terms import MEDICATIONS, RXNORM


def medication(draft: Draft, number: int) -> None:
    body: Json = {"status": "active", "code": concept(RXNORM, MEDICATIONS[number % len(MEDICATIONS)])}
    draft.add("Medication", body, draft.first_day)


def medication_request(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    medicine: Json = (
        {"medicationReference": draft.reference("Medication")}
        if number % 2
        else {"medicationCodeableConcept": concept(RXNORM, draft.choose(MEDICATIONS))}
    )
    body: Json = {
        "status": draft.choose(["active", "completed", "completed"]),
        "intent": "order",
        "category": [hl7("medicationrequest-category", "community")],
        **medicine,
        "subject": draft.patient,
        "encounter": visit,
        "authoredOn": instant(at),
        "requester": draft.reference("Practitioner"),
        "dosageInstruction": [{"text": "Take one daily"}],
    }
    draft.add("MedicationRequest", body, at)
