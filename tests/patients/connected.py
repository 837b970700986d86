"""Patients who signed in, and what becomes of their tokens."""

from django.db import connection as database
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from patients.models import Connection
from sources.models import Source
from tests.api_client import Api
from tests.journey.patient import PatientBrowser
from tests.portals import Portal

NEW_FLOW = {"patient_id": "p-1", "return_url": "https://app.example/back"}


def connect_at(api: Api, browser: PatientBrowser, portal: Portal, source: Source, **flow) -> Connection:
    """Sign in at the portal in a flow of its own."""
    flow = api.post("/patient-flows", NEW_FLOW | flow).json
    browser.open(portal.sign_in(browser.leave_for(flow, source.id)))
    return Connection.objects.filter(flow_id=flow["id"].removeprefix("pf_")).get()


def path_of(connection: Connection) -> str:
    return f"/patients/{connection.patient.reference}/connections/conn_{connection.pk}"


def queued() -> list[ProcrastinateJob]:
    """The attempts at revoking that wait for a worker or for their time."""
    return list(ProcrastinateJob.objects.filter(task_name="patients.tasks.revoke", status="todo").order_by("pk"))


def run_jobs() -> int:
    """Do what waits, whatever its time, each job once; their number."""
    waiting = queued()
    for job in waiting:
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])
        app.tasks[job.task_name](**job.args)
    return len(waiting)


def is_good(portal: Portal, token: str) -> bool:
    """Whether the portal still takes a token."""
    shelves = (portal._grants.refresh, portal._grants.access)
    return any(shelf[token].is_good() for shelf in shelves if token in shelf)
