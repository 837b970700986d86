"""What was found and done: visits, conditions, allergies, immunizations, procedures, goals and plans."""

from datetime import timedelta

from sandbox.synthetic.draft import Draft, Json, concept, day, hl7, instant
from sandbox.synthetic.terms import (
    ALLERGIES,
    CHILD_CONDITIONS,
    CHILD_VACCINES,
    CONDITIONS,
    CVX,
    GOALS,
    PROCEDURES,
    SNOMED,
    TERMINOLOGY,
    VACCINES,
    VISITS,
    Concept,
)


def encounter(draft: Draft, number: int) -> None:
    start = draft.moment()
    end = start + timedelta(minutes=draft.random.randrange(15, 60))
    body: Json = {
        "status": "finished",
        "class": {"system": f"{TERMINOLOGY}/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [concept(SNOMED, draft.choose(VISITS))],
        "subject": draft.patient,
        "participant": [{"individual": draft.reference("Practitioner")}],
        "period": {"start": instant(start), "end": instant(end)},
        "serviceProvider": draft.reference("Organization"),
    }
    draft.add("Encounter", body, end)


def condition(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    category = "problem-list-item" if number % 3 else "encounter-diagnosis"
    terms = CHILD_CONDITIONS if draft.is_child else CONDITIONS
    body: Json = {
        "clinicalStatus": hl7("condition-clinical", draft.choose(["active", "active", "resolved"])),
        "verificationStatus": hl7("condition-ver-status", "confirmed"),
        "category": [hl7("condition-category", category)],
        "code": concept(SNOMED, terms[number % len(terms)]),
        "subject": draft.patient,
        "encounter": visit,
        "onsetDateTime": day(at),
        "recordedDate": day(at),
    }
    draft.add("Condition", body, at)


def allergy(draft: Draft, number: int) -> None:
    _, at = draft.visit()
    term, category = ALLERGIES[(number + len(draft.person.key)) % len(ALLERGIES)]
    body: Json = {
        "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
        "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
        "category": [category],
        "criticality": draft.choose(["low", "high"]),
        "code": concept(SNOMED, term),
        "patient": draft.patient,
        "recordedDate": day(at),
        "reaction": [{"manifestation": [concept(SNOMED, Concept("271807003", "Eruption of skin"))]}],
    }
    draft.add("AllergyIntolerance", body, at)


def immunization(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    terms = CHILD_VACCINES if draft.is_child else VACCINES
    body: Json = {
        "status": "completed",
        "vaccineCode": concept(CVX, terms[number % len(terms)]),
        "patient": draft.patient,
        "encounter": visit,
        "occurrenceDateTime": instant(at),
        "primarySource": True,
        "lotNumber": f"LOT{draft.random.randrange(10**5):05d}",
    }
    draft.add("Immunization", body, at)


def procedure(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    body: Json = {
        "status": "completed",
        "category": concept(SNOMED, Concept("103693007", "Diagnostic procedure")),
        "code": concept(SNOMED, PROCEDURES[number % len(PROCEDURES)]),
        "subject": draft.patient,
        "encounter": visit,
        "performedDateTime": instant(at),
        "performer": [{"actor": draft.reference("Practitioner")}],
    }
    draft.add("Procedure", body, at)


def goal(draft: Draft, number: int) -> None:
    _, at = draft.visit()
    body: Json = {
        "lifecycleStatus": "active",
        "category": [hl7("goal-category", "dietary" if number % 2 else "physiotherapy")],
        "description": {"text": GOALS[number % len(GOALS)]},
        "subject": draft.patient,
        "startDate": day(at),
        "addresses": [draft.reference("Condition")],
    }
    draft.add("Goal", body, at)


def care_plan(draft: Draft, number: int) -> None:
    visit, at = draft.visit()
    body: Json = {
        "status": "active",
        "intent": "plan",
        "category": [
            {"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan"}]}
        ],
        "title": "Plan of care",
        "subject": draft.patient,
        "encounter": visit,
        "period": {"start": day(at)},
        "author": draft.reference("Practitioner"),
        "addresses": [draft.reference("Condition")],
        "goal": [draft.reference("Goal")],
    }
    draft.add("CarePlan", body, at)
