"""FHIR search over resources in memory: which parameters count, and what they mean.

Unknown parameters are ignored, as FHIR's lenient default has it; the bundle's `self` link names those used.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.fhir.dates import check_date, matches_date
from sandbox.fhir.errors import NotUnderstood

Json = dict[str, Any]

_ALWAYS = {"_id": "token", "_lastUpdated": "date"}
_WITHOUT_PATIENT = {"Binary", "Medication", "Organization", "Patient", "Practitioner"}
_WITH_CODE = {
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Medication",
    "MedicationRequest",
    "Observation",
    "Procedure",
}
_WITH_CATEGORY = {
    "AllergyIntolerance",
    "CarePlan",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Goal",
    "MedicationRequest",
    "Observation",
    "Procedure",
}


@dataclass(frozen=True)
class Query:
    """A search as understood: the parameters that were used, in the order given, and the page size asked for."""

    resource_type: str
    used: tuple[tuple[str, str], ...]
    count: int | None = None

    @property
    def patients(self) -> set[str]:
        """The ids of the patients it names, however written."""
        values = (value for name, value in self.used if name == "patient")
        return {value.rsplit("/", 1)[-1] for text in values for value in text.split(",")}

    def select(self, resources: Iterable[Json]) -> list[Json]:
        """Those that match: repeated parameters all have to, of values with commas between them one."""
        return [each for each in resources if all(_matches(each, name, value) for name, value in self.used)]


def parameters_for(resource_type: str) -> dict[str, str]:
    """The search parameters of a resource type, with FHIR's kind of each."""
    parameters = dict(_ALWAYS)
    if resource_type not in _WITHOUT_PATIENT:
        parameters["patient"] = "reference"
    if resource_type in _WITH_CATEGORY:
        parameters["category"] = "token"
    if resource_type in _WITH_CODE:
        parameters["code"] = "token"
    return parameters


def parse(resource_type: str, parameters: Iterable[tuple[str, str]]) -> Query:
    """The query in a search's parameters. Raises NotUnderstood for a number or date that is none."""
    known = parameters_for(resource_type)
    used: list[tuple[str, str]] = []
    count = None
    for name, value in parameters:
        if name == "_count":
            count = _number(value)
        elif name in known and value:
            used.append((name, value))
            if known[name] == "date":
                check_date(value)
    return Query(resource_type, tuple(used), count)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise NotUnderstood("_count must be a whole number.")
    return int(text)


def _matches(resource: Json, name: str, value: str) -> bool:
    match name:
        case "_id":
            return resource["id"] in value.split(",")
        case "_lastUpdated":
            return matches_date(resource["meta"]["lastUpdated"], value)
        case "category":
            return _has_token(resource.get("category", []), value)
        case "code":
            return _has_token(resource.get("code") or resource.get("medicationCodeableConcept", {}), value)
    return True  # patient: a chart holds nobody else's


def _has_token(element: Any, value: str) -> bool:
    present = _tokens(element)
    return any(_wanted(token, present) for token in value.split(","))


def _wanted(token: str, present: set[tuple[str, str]]) -> bool:
    if "|" not in token:
        return any(code == token for _, code in present)
    system, code = token.split("|", 1)
    return (system, code) in present if code else any(system == each for each, _ in present)


def _tokens(element: Any) -> set[tuple[str, str]]:
    """All (system, code) pairs of a code, a CodeableConcept, or a list of either."""
    if isinstance(element, str):
        return {("", element)}
    if isinstance(element, list):
        return {token for part in element for token in _tokens(part)}
    return {(coding.get("system", ""), coding.get("code", "")) for coding in element.get("coding", [])}
