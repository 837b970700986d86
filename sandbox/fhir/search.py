"""FHIR search over resources in memory: which parameters count, and what they mean.

Unknown parameters are ignored, as FHIR's lenient default has it; the bundle's `self` link names those used. Some
systems are stricter.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.fhir.dates import check_date, date_test
from sandbox.fhir.errors import Incomplete, NotUnderstood, Unknown
from sandbox.systems import SearchRules

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


class Token(NamedTuple):
    """A code as FHIR's token search writes it: `code`, `system|code`, or `system|` for all codes of a system."""

    system: str | None  # None: of any system
    code: str

    def means(self, system: str, code: str) -> bool:
        return self.system in (None, system) and (self.code == code or (self.system is not None and not self.code))


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
        left = list(resources)
        for name, value in self.used:
            if name != "patient":  # a chart holds nobody else's
                left = list(filter(_test(name, value), left))
        return left


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


def parse(resource_type: str, parameters: Iterable[tuple[str, str]], rules: SearchRules) -> Query:
    """The query in a search's parameters.

    Raises NotUnderstood for a number or date that is none, and for what this system's rules refuse.
    """
    known = parameters_for(resource_type)
    used: list[tuple[str, str]] = []
    count = None
    for name, value in parameters:
        if name == "_count" and rules.knows_count:
            count = _number(value)
        elif name not in known and rules.refuses_unknown:
            raise Unknown(f"This server does not know the search parameter {name[:50]} of {resource_type}.")
        elif name in known and value:
            used.append((name, value))
            if known[name] == "date":
                check_date(value)
    _check_complete(resource_type, {name for name, _ in used}, rules)
    return Query(resource_type, tuple(used), count)


def _check_complete(resource_type: str, used: set[str], rules: SearchRules) -> None:
    for demanding, wanted in rules.wants_one_of:
        if demanding == resource_type and not used & set(wanted):
            raise Incomplete(f"A search for {resource_type} needs {' or '.join(wanted)}.")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise NotUnderstood("_count must be a whole number.")
    return int(text)


def _test(name: str, value: str) -> Callable[[Json], bool]:
    """Whether a resource satisfies one parameter; the parameter is read once, however many resources there are."""
    if name == "_id":
        ids = set(value.split(","))
        return lambda resource: resource["id"] in ids
    if name == "_lastUpdated":
        is_wanted = date_test(value)
        return lambda resource: is_wanted(resource["meta"]["lastUpdated"])
    wanted = [_token(text) for text in value.split(",")]
    return lambda resource: any(token.means(*pair) for pair in _codes(_coded(resource, name)) for token in wanted)


def _coded(resource: Json, name: str) -> Any:
    if name == "code":
        return resource.get("code") or resource.get("medicationCodeableConcept", {})
    return resource.get(name, [])


def _token(text: str) -> Token:
    system, bar, code = text.partition("|")
    return Token(system, code) if bar else Token(None, text)


def _codes(element: Any) -> list[tuple[str, str]]:
    """All (system, code) pairs of a code, a CodeableConcept, or a list of either."""
    if isinstance(element, str):
        return [("", element)]
    if isinstance(element, list):
        return [pair for part in element for pair in _codes(part)]
    return [(coding.get("system", ""), coding.get("code", "")) for coding in element.get("coding", [])]
