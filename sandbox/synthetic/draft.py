"""A chart in the making: its seeded randomness, its dates, and references to what is there already."""

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from sandbox.people import Person, Size
from sandbox.synthetic.identifiers import resource_id
from sandbox.synthetic.terms import TERMINOLOGY, Concept
from sandbox.systems import HealthSystem

Json = dict[str, Any]
Item = TypeVar("Item")

# A fixed end, so that a chart does not depend on the day it is made.
LAST_DAY = datetime(2026, 6, 30, tzinfo=UTC)
YEARS_OF_HISTORY = {Size.SMALL: 1, Size.CHILD: 8, Size.ORDINARY: 5, Size.LARGE: 20}


class Draft:
    def __init__(self, system: HealthSystem, person: Person) -> None:
        self.system = system
        self.person = person
        self.random = random.Random(f"{system.slug}/{person.key}")
        self.by_type: dict[str, list[Json]] = {}
        self._visits: list[datetime] = []

    @property
    def is_child(self) -> bool:
        return self.person.size is Size.CHILD

    @property
    def first_day(self) -> datetime:
        """Where the history begins: some years back, and not before birth."""
        born = datetime.combine(self.person.born, time(8), UTC)
        return max(born, LAST_DAY - timedelta(days=365 * YEARS_OF_HISTORY[self.person.size]))

    def add(self, resource_type: str, body: Json, at: datetime) -> Json:
        """Put a resource into the chart, with an id and `at` as the time of its last change."""
        made = self.by_type.setdefault(resource_type, [])
        resource = {
            "resourceType": resource_type,
            "id": resource_id(self.system, self.person.key, resource_type, self.next_number(resource_type)),
            "meta": {"versionId": "1", "lastUpdated": instant(at)},
            **body,
        }
        made.append(resource)
        return resource

    def next_number(self, resource_type: str) -> int:
        """Which of its type the next resource is, from 0: its id follows from that."""
        return len(self.by_type[resource_type])

    def moment(self) -> datetime:
        """Some minute of a working day within the history."""
        days = self.random.randrange((LAST_DAY - self.first_day).days)
        minute = self.random.randrange(8 * 60, 17 * 60)
        return datetime.combine(self.first_day.date(), time(0), UTC) + timedelta(days=days, minutes=minute)

    def choose(self, items: list[Item]) -> Item:
        return self.random.choice(items)

    def reference(self, resource_type: str) -> Json:
        """A reference to some resource of this type in the chart."""
        return reference_to(self.choose(self.by_type[resource_type]))

    @property
    def patient(self) -> Json:
        return {"reference": reference_to(self.by_type["Patient"][0])["reference"], "display": self.person.name}

    def visit(self) -> tuple[Json, datetime]:
        """A reference to some encounter, and when it was."""
        encounter = self.choose(self.by_type["Encounter"])
        return reference_to(encounter), datetime.fromisoformat(encounter["period"]["start"])


def reference_to(resource: Json) -> Json:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(at: datetime | date) -> str:
    return at.strftime("%Y-%m-%d")


def concept(system: str, term: Concept) -> Json:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": term.code, "display": term.display}], "text": term.display}


def hl7(name: str, code: str) -> Json:
    """A CodeableConcept from one of HL7's own code systems."""
    return {"coding": [{"system": f"{TERMINOLOGY}/{name}", "code": code}]}
