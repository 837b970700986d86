"""Charts that grow while one looks: one more resource for each minute since their owner first let an app in."""

import random
from datetime import datetime, timedelta
from functools import lru_cache

from sandbox.people import Person
from sandbox.synthetic.chart import BUILDERS, Chart, chart_of
from sandbox.synthetic.draft import Draft, Json
from sandbox.systems import HealthSystem

INTERVAL = timedelta(minutes=1)
AT_MOST = 1000


class LaterDraft(Draft):
    """A finished chart that gets one more resource: the `number`-th of its type, at a given moment."""

    def __init__(self, system: HealthSystem, person: Person, chart: Chart, number: int, at: datetime) -> None:
        super().__init__(system, person)
        self.random = random.Random(f"{system.slug}/{person.key}/{number}")
        self.by_type = {resource_type: list(made) for resource_type, made in chart.by_type.items()}
        self._number = number
        self._at = at

    def next_number(self, resource_type: str) -> int:
        return self._number

    def moment(self) -> datetime:
        return self._at

    def visit(self) -> tuple[Json, datetime]:
        return super().visit()[0], self._at

    def add(self, resource_type: str, body: Json, at: datetime) -> Json:
        # Claims are dated back to the day they are settled: here, that would be in the future.
        return super().add(resource_type, body, self._at)


def grown_chart(system: HealthSystem, person: Person, since: datetime, now: datetime) -> Chart:
    """The chart with what has come since: results at a provider, claims at a payer, each as new as its minute."""
    chart = chart_of(system, person)
    resource_type = "ExplanationOfBenefit" if system.is_payer else "Observation"
    minutes = min(max((now - since) // INTERVAL, 0), AT_MOST)
    more = [_later(system, person, resource_type, since, minute) for minute in range(1, minutes + 1)]
    return Chart(chart.patient_id, chart.by_type | {resource_type: [*chart.of_type(resource_type), *more]})


@lru_cache(maxsize=4 * AT_MOST)
def _later(system: HealthSystem, person: Person, resource_type: str, since: datetime, minute: int) -> Json:
    chart = chart_of(system, person)
    number = len(chart.of_type(resource_type)) + minute - 1
    draft = LaterDraft(system, person, chart, number, since + minute * INTERVAL)
    BUILDERS[resource_type](draft, number)
    return draft.by_type[resource_type][-1]
