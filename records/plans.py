"""What a pull asks for, as data: which types, how each vendor wants the question, and what the access covers.

Protocol and data only: no database, no settings.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum

from records.verdicts import Verdict

# US Core and the types that people's apps ask for; payers have the last two.
TYPES = (
    "Patient",
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Condition",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "FamilyMemberHistory",
    "Goal",
    "Immunization",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
    "Coverage",
    "ExplanationOfBenefit",
)
# Read one by one where other resources refer to them; those that refer to others of these come first.
FOLLOWED = ("PractitionerRole", "Practitioner", "Location", "Organization", "Medication", "Binary")
# Servers that want a category with the question take these codes (US Core).
CATEGORIES = {
    "Observation": (
        "laboratory",
        "vital-signs",
        "social-history",
        "survey",
        "sdoh",
        "imaging",
        "procedure",
        "exam",
        "therapy",
        "activity",
        "functional-status",
    ),
    "Condition": ("problem-list-item", "encounter-diagnosis", "health-concern"),
    "CarePlan": ("assess-plan",),
    "DiagnosticReport": ("LAB", "RAD", "LP29684-5", "LP29708-2", "LP7839-6"),
    "DocumentReference": ("clinical-note",),
}
# What a vendor is known to refuse without a category; of others we find out.
WANTS_CATEGORY = {
    "epic": ("Observation", "Condition", "CarePlan"),
    "cerner": ("CarePlan",),
}
PAGE_SIZE = 100
# Vendors whose servers slow down or refuse larger pages.
PAGE_SIZES = {"ecw": 50, "meditech": 50}

_GRANT = re.compile(r"(?:patient|user)/(?P<type>\*|[A-Za-z]+)\.(?P<rights>read|write|\*|c?r?u?d?s?)(?:\?.*)?")


class Retreat(IntEnum):
    """How much simpler a portal wanted the question; each level includes those before it."""

    NONE = 0
    NO_COUNT = 1
    NO_LAST_UPDATED = 2
    LONG_PATIENT = 3


@dataclass(frozen=True)
class Question:
    """One question of a pull. `skipped` says why it is not to be asked at all."""

    resource_type: str
    parameters: str = ""
    retreat: Retreat = Retreat.NONE
    follows_references: bool = False
    skipped: Verdict | None = None


def questions(
    vendor: str | None,
    scopes: Sequence[str],
    supported: Collection[str] | None,
    remembered: Iterable[Question] = (),
) -> list[Question]:
    """The questions of a pull, in order.

    `supported` are the types that the server says it can search, None where it does not say. `remembered` are the
    questions that it answered the last time: it is asked in the same words again.
    """
    known: dict[str, list[Question]] = {}
    for question in remembered:
        known.setdefault(question.resource_type, []).append(question)
    planned: list[Question] = []
    for resource_type in TYPES:
        skipped = _reason_to_skip(resource_type, scopes, supported)
        if skipped:
            planned.append(Question(resource_type, skipped=skipped))
        else:
            planned += known.get(resource_type) or _asked_of(vendor, resource_type)
    for resource_type in FOLLOWED:
        skipped = None if covers(scopes, resource_type) else Verdict.NOT_GRANTED
        planned.append(Question(resource_type, follows_references=True, skipped=skipped))
    return planned


def search_parameters(
    question: Question, patient_id: str, changed_since: datetime | None, page_size: int
) -> list[tuple[str, str]]:
    """The search parameters of a question (FHIR R4, 3.1.1), as simple as its retreat wants them."""
    long = question.retreat >= Retreat.LONG_PATIENT
    parameters = [("patient", f"Patient/{patient_id}" if long else patient_id)]
    if question.parameters:
        name, _, value = question.parameters.partition("=")
        parameters.append((name, value))
    if changed_since is not None and question.retreat < Retreat.NO_LAST_UPDATED:
        parameters.append(("_lastUpdated", f"ge{changed_since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"))
    if question.retreat < Retreat.NO_COUNT:
        parameters.append(("_count", str(page_size)))
    return parameters


def simpler(question: Question, *, incremental: bool) -> list[Question]:
    """What to ask in place of a question that the server did not accept; nothing where there is nothing left to try."""
    if question.retreat < Retreat.LONG_PATIENT:
        step = Retreat(question.retreat + 1)
        if step == Retreat.NO_LAST_UPDATED and not incremental:
            step = Retreat.LONG_PATIENT
        return [replace(question, retreat=step)]
    if not question.parameters:
        # What was missing may have been the category alone; who is that strict seldom takes a page size.
        return [replace(each, retreat=Retreat.NO_COUNT) for each in _by_category(question.resource_type)]
    return []


def page_size_of(vendor: str | None) -> int:
    return PAGE_SIZES.get(vendor or "", PAGE_SIZE)


def covers(scopes: Sequence[str], resource_type: str) -> bool:
    """Whether granted scopes let us read a type, in the syntax of SMART v1 or v2. Without any of either, we try."""
    grants = [found for found in map(_GRANT.fullmatch, scopes) if found]
    if not grants:
        return True
    return any(each["type"] in ("*", resource_type) and _may_read(each["rights"]) for each in grants)


def _may_read(rights: str) -> bool:
    return rights in ("read", "*") or (rights != "write" and bool({"r", "s"} & set(rights)))


def _reason_to_skip(resource_type: str, scopes: Sequence[str], supported: Collection[str] | None) -> Verdict | None:
    if not covers(scopes, resource_type):
        return Verdict.NOT_GRANTED
    # The patient is read, not searched.
    if supported is not None and resource_type not in supported and resource_type != "Patient":
        return Verdict.NOT_SUPPORTED
    return None


def _asked_of(vendor: str | None, resource_type: str) -> list[Question]:
    if resource_type in WANTS_CATEGORY.get(vendor or "", ()):
        return _by_category(resource_type)
    return [Question(resource_type)]


def _by_category(resource_type: str) -> list[Question]:
    return [Question(resource_type, f"category={code}") for code in CATEGORIES.get(resource_type, ())]
