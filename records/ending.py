"""The end of a pull: its totals, when the next one is due, and the event that tells the app."""

import random
from datetime import datetime, timedelta
from typing import Any

from patients.models import Connection, ConnectionStatus
from records import progress
from records.models import Pull, PullStatus, PullStep, Record, Reference, StepStatus
from records.verdicts import NOT_A_FAULT, Verdict
from webhooks.operations import emit

EVERY = timedelta(hours=24)
AFTER_FAILURE = timedelta(hours=6)


def end(pull: Pull, now: datetime) -> None:
    """Note what came of a pull whose steps have all ended, and tell the app in the same transaction."""
    steps = list(pull.steps.all())
    answered = (StepStatus.DONE, StepStatus.PARTLY)
    # That nobody had to be asked about references is no answer.
    came = any(step.status in answered for step in steps if not step.follows_references)
    faults = [step for step in steps if step.verdict and step.verdict not in NOT_A_FAULT]
    pull.status = PullStatus.COMPLETED if came else PullStatus.FAILED
    pull.problem = "" if came else _problem(faults)
    with progress.advancing(pull, now) as changes:
        changes |= {
            "status": pull.status,
            "problem": pull.problem,
            "faults": len(faults),
            "ended_at": now,
            "wake_at": None,
        }
        Reference.objects.filter(pull=pull).delete()
        _note_on_connection(pull, now)
        _tell(pull, len(faults), now)


def _note_on_connection(pull: Pull, now: datetime) -> None:
    completed = pull.status == PullStatus.COMPLETED
    every = EVERY if completed else AFTER_FAILURE
    due = now + every * random.uniform(0.9, 1.1)  # noqa: S311  no secret; not all at the same minute
    rows = Connection.objects.filter(pk=pull.connection_id)
    came: dict[str, Any] = {"records_count": Record.objects.filter(connection_id=pull.connection_id).count()}
    if completed:
        came["last_synced_at"] = now
    rows.update(**came)
    rows.filter(status=ConnectionStatus.ACTIVE).update(pull_due_at=due)


def _tell(pull: Pull, faults: int, now: datetime) -> None:
    """`records.sync.completed` and `records.sync.failed` (contract §9)."""
    connection = pull.connection
    patient = connection.patient
    about = {
        "resource_type": "records_sync",
        "patient_id": patient.reference,
        "connection_id": connection.source_id,
    }
    outcome: dict[str, Any]
    if pull.status == PullStatus.FAILED:
        kind, outcome = "records.sync.failed", {"error_message": pull.problem}
    else:
        total = Pull.objects.filter(pk=pull.pk).values_list("received", flat=True).get()
        duration = now - (pull.started_at or pull.requested_at)
        kind = "records.sync.completed"
        outcome = {"total": total, "errors": faults, "duration_ms": int(duration.total_seconds() * 1000)}
    emit(patient.organization_id, kind, about | outcome, now=now, patient_id=patient.pk)


def _problem(faults: list[PullStep]) -> str:
    """Why nothing came, in a sentence for the app and for staff: never the portal's own words."""
    if not faults:
        return "The access covers no records that the portal has."
    verdicts = [step.verdict for step in faults]
    most = Verdict(max(set(verdicts), key=verdicts.count))
    return f"Nothing could be read: {most.label}."
