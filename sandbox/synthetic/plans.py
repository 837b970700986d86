"""How many resources of each type a chart holds, in the order they are made: what refers comes after what it names."""

from sandbox.people import Size
from sandbox.systems import HealthSystem

Plan = dict[str, int]

PROVIDER_PLANS: dict[Size, Plan] = {
    Size.SMALL: {
        "Organization": 1,
        "Practitioner": 1,
        "Patient": 1,
        "Encounter": 1,
        "Condition": 1,
        "Observation": 2,
        "Immunization": 1,
    },
    Size.CHILD: {
        "Organization": 1,
        "Practitioner": 1,
        "Patient": 1,
        "Encounter": 8,
        "Condition": 2,
        "Observation": 14,
        "AllergyIntolerance": 1,
        "Immunization": 14,
    },
    Size.ORDINARY: {
        "Organization": 1,
        "Practitioner": 2,
        "Patient": 1,
        "Encounter": 6,
        "Condition": 4,
        "Observation": 22,
        "DiagnosticReport": 2,
        "Medication": 2,
        "MedicationRequest": 4,
        "AllergyIntolerance": 2,
        "Immunization": 5,
        "Procedure": 2,
        "Goal": 1,
        "CarePlan": 1,
        "Binary": 2,
        "DocumentReference": 2,
    },
    Size.LARGE: {
        "Organization": 3,
        "Practitioner": 12,
        "Patient": 1,
        "Encounter": 180,
        "Condition": 40,
        "Observation": 2560,
        "DiagnosticReport": 150,
        "Medication": 10,
        "MedicationRequest": 160,
        "AllergyIntolerance": 6,
        "Immunization": 48,
        "Procedure": 80,
        "Goal": 24,
        "CarePlan": 12,
        "Binary": 90,
        "DocumentReference": 90,
    },
}
PAYER_PLANS: dict[Size, Plan] = {
    Size.SMALL: {"Organization": 1, "Practitioner": 1, "Patient": 1, "Coverage": 1, "ExplanationOfBenefit": 4},
    Size.CHILD: {"Organization": 1, "Practitioner": 1, "Patient": 1, "Coverage": 1, "ExplanationOfBenefit": 20},
    Size.ORDINARY: {"Organization": 1, "Practitioner": 3, "Patient": 1, "Coverage": 2, "ExplanationOfBenefit": 53},
    Size.LARGE: {"Organization": 3, "Practitioner": 12, "Patient": 1, "Coverage": 6, "ExplanationOfBenefit": 3444},
}


def plan_for(system: HealthSystem, size: Size) -> Plan:
    return (PAYER_PLANS if system.is_payer else PROVIDER_PLANS)[size]
