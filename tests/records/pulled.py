"""Connections with a chart behind them, and pulls of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection as database
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from patients.holding import holding
from patients.models import Connection
from records import pulling
from records.models import Pause, Pull, PullKind, PullStep, Record
from records.operations import TASK, request_pull
from tests.journey.conftest import registered
from tests.patients.connected import connect_at
from tests.portals import Choices, Portal
from tests.records.charts import Chart

SCOPES = "launch/patient offline_access patient/*.rs"
LATER = timedelta(hours=2)


@contextmanager
def chart_at(api, browser, choices: Choices | None = None, **client) -> Iterator[tuple[Portal, Chart, Connection]]:
    """A portal with a chart of which only the patient is known yet, and a patient who signed in there."""
    with Portal(choices or Choices(refresh_answer="rotated")) as portal:
        source = registered(portal, name="Riverside", **client)
        chart = Chart(portal.fhir_base_url, portal.choices.patient_id)
        chart.add("Patient", portal.choices.patient_id, name=[{"family": "Rivers"}])
        portal.serve(chart)
        yield portal, chart, connect_at(api, browser, portal, source)


def open_pull(connection: Connection) -> Pull:
    return connection.pulls.exclude(wake_at=None).get()


def go_on(connection: Connection, *, now: datetime | None = None) -> Pull:
    """Do what the job of the open pull does, once; the pull as it is then."""
    pull = open_pull(connection)
    with database.cursor() as cursor:  # a worker has taken it
        cursor.execute("DELETE FROM procrastinate_jobs WHERE args ->> 'pull_id' = %s", [pull.pk])
    pulling.go_on(pull.pk, now or timezone.now())
    return Pull.objects.get(pk=pull.pk)


def pull_again(connection: Connection, kind: PullKind = PullKind.MANUAL) -> Pull:
    """Request a pull and do it."""
    with holding(connection.patient_id):
        request_pull(connection, kind, timezone.now())
    return go_on(connection)


def jobs() -> list[ProcrastinateJob]:
    """The jobs of pulls that wait for a worker or for their time."""
    return list(ProcrastinateJob.objects.filter(task_name=TASK, status="todo").order_by("pk"))


def let_time_pass(connection: Connection) -> None:
    """What was put off is due now."""
    now = timezone.now()
    PullStep.objects.filter(pull__connection=connection).update(retry_at=now)
    Pull.objects.filter(connection=connection).update(wake_at=now)
    Pause.objects.all().delete()


def again(connection: Connection) -> Connection:
    """The row as it is now."""
    return Connection.objects.get(pk=connection.pk)


def step_of(pull: Pull, name: str) -> PullStep:
    return steps(pull)[name]


def steps(pull: Pull) -> dict[str, PullStep]:
    """The steps that were asked, by type and parameters."""
    return {str(step): step for step in pull.steps.exclude(status="skipped")}


def stored(connection: Connection) -> list[str]:
    """What is stored, in the order in which it came."""
    return [
        f"{each.resource_type}/{each.resource_id}"
        for each in Record.objects.filter(connection=connection).order_by("pk")
    ]


def versions(connection: Connection) -> dict[int, str]:
    """The version of each row: PostgreSQL raises it with each write."""
    with database.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM records_record WHERE connection_id = %s", [connection.pk])
        return dict(cursor.fetchall())
