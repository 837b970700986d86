"""What a payer knows: coverage, and what it paid for."""

from datetime import timedelta

from sandbox.synthetic.draft import Draft, Json, concept, day, hl7, instant, reference_to
from sandbox.synthetic.terms import CLAIM_DIAGNOSES, CLAIM_TYPES, ICD10, TERMINOLOGY


def coverage(draft: Draft, number: int) -> None:
    start = draft.first_day + timedelta(days=365 * number)
    body: Json = {
        "status": "active" if number == 0 else "cancelled",
        "type": hl7("v3-ActCode", "EHCPOL"),
        "subscriberId": f"EHP{draft.random.randrange(10**7):07d}",
        "beneficiary": draft.patient,
        "relationship": hl7("subscriber-relationship", "self"),
        "period": {"start": day(start)},
        "payor": [reference_to(draft.by_type["Organization"][0])],
    }
    draft.add("Coverage", body, start)


def explanation_of_benefit(draft: Draft, number: int) -> None:
    at = draft.moment()
    submitted = round(draft.random.uniform(20, 900), 2)
    paid = round(submitted * draft.random.uniform(0.4, 0.9), 2)
    body: Json = {
        "status": "active",
        "type": concept(f"{TERMINOLOGY}/claim-type", draft.choose(CLAIM_TYPES)),
        "use": "claim",
        "patient": draft.patient,
        "billablePeriod": {"start": day(at), "end": day(at)},
        "created": instant(at),
        "insurer": reference_to(draft.by_type["Organization"][0]),
        "provider": draft.reference("Organization"),
        "outcome": "complete",
        "careTeam": [{"sequence": 1, "provider": draft.reference("Practitioner")}],
        "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": concept(ICD10, draft.choose(CLAIM_DIAGNOSES))}],
        "insurance": [{"focal": True, "coverage": draft.reference("Coverage")}],
        "total": [_amount("submitted", submitted), _amount("benefit", paid)],
    }
    draft.add("ExplanationOfBenefit", body, at + timedelta(days=14))


def _amount(category: str, dollars: float) -> Json:
    return {"category": hl7("adjudication", category), "amount": {"value": dollars, "currency": "USD"}}
