"""The words of the portals' pages: who may sign in, and what an app would be able to see."""

from collections.abc import Iterable

from sandbox import scopes
from sandbox.people import PORTAL_USERS, PortalUser
from sandbox.systems import HealthSystem

# Types that only support others (binaries, medicines referred to) have no line of their own.
_RECORDS = {
    "Patient": "Name, birth date and contact details",
    "Condition": "Health conditions",
    "Observation": "Test results and vital signs",
    "DiagnosticReport": "Test results and vital signs",
    "MedicationRequest": "Medicines",
    "AllergyIntolerance": "Allergies",
    "Immunization": "Immunizations",
    "Encounter": "Visits and procedures",
    "Procedure": "Visits and procedures",
    "CarePlan": "Care plans and goals",
    "Goal": "Care plans and goals",
    "DocumentReference": "Notes and documents",
    "Practitioner": "Who cares for the patient, and where",
    "Organization": "Who cares for the patient, and where",
    "Coverage": "Insurance coverage",
    "ExplanationOfBenefit": "Claims and what was paid for them",
}


def records_asked_for(system: HealthSystem, granted: Iterable[str]) -> list[str]:
    """One line for each kind of record that these scopes open, without repeats."""
    opened = scopes.opened_types(system, granted)
    return list(dict.fromkeys(words for name, words in _RECORDS.items() if name in opened))


def people_groups() -> list[tuple[str, list[PortalUser]]]:
    """Who may sign in at each portal, under a heading each for those with whom it goes well and the others."""
    return [
        ("People", [user for user in PORTAL_USERS if user.is_treated_well]),
        ("People whose portal misbehaves", [user for user in PORTAL_USERS if not user.is_treated_well]),
    ]


def stays_connected(granted: Iterable[str]) -> bool:
    return scopes.OFFLINE in granted
