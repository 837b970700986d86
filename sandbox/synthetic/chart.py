"""Everything a system holds about one person, made on first use and kept in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sandbox.people import PORTAL_USERS, Person
from sandbox.synthetic import care, claims, documents, measurements, medicines, parties
from sandbox.synthetic.draft import Draft, Json
from sandbox.synthetic.identifiers import patient_id
from sandbox.synthetic.plans import plan_for
from sandbox.systems import HealthSystem

BUILDERS: dict[str, Callable[[Draft, int], None]] = {
    "AllergyIntolerance": care.allergy,
    "Binary": documents.binary,
    "CarePlan": care.care_plan,
    "Condition": care.condition,
    "Coverage": claims.coverage,
    "DiagnosticReport": measurements.diagnostic_report,
    "DocumentReference": documents.document_reference,
    "Encounter": care.encounter,
    "ExplanationOfBenefit": claims.explanation_of_benefit,
    "Goal": care.goal,
    "Immunization": care.immunization,
    "Medication": medicines.medication,
    "MedicationRequest": medicines.medication_request,
    "Observation": measurements.observation,
    "Organization": parties.organization,
    "Patient": parties.patient,
    "Practitioner": parties.practitioner,
    "Procedure": care.procedure,
}


@dataclass(frozen=True)
class Chart:
    """A person's resources at one system. Shared between requests: read, never change."""

    patient_id: str
    by_type: dict[str, list[Json]]

    def __len__(self) -> int:
        return sum(len(resources) for resources in self.by_type.values())

    def of_type(self, resource_type: str) -> list[Json]:
        return self.by_type.get(resource_type, [])

    def find(self, resource_type: str, resource_id: str) -> Json | None:
        return next((resource for resource in self.of_type(resource_type) if resource["id"] == resource_id), None)


def build_chart(system: HealthSystem, person: Person) -> Chart:
    """Make the chart of `person` at `system`: the same every time, in any process."""
    draft = Draft(system, person)
    for resource_type, count in plan_for(system, person.size).items():
        for number in range(count):
            BUILDERS[resource_type](draft, number)
    return Chart(patient_id(system, person.key), draft.by_type)


_kept_chart = lru_cache(maxsize=128)(build_chart)


def chart_of(system: HealthSystem, person: Person) -> Chart:
    """The chart of `person` at `system`, as it is when nothing new comes in."""
    return _kept_chart(system, person)


@lru_cache
def people_of(system: HealthSystem) -> dict[str, Person]:
    """Everybody with a chart at `system`, by FHIR patient id."""
    people = (person for user in PORTAL_USERS for person in user.charts)
    return {patient_id(system, person.key): person for person in people}
