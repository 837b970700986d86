"""Writing down what apps are told of, and forgetting it (docs/adr/0022)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from organizations.models import Organization
from webhooks.events import EventType
from webhooks.models import Event

KEPT = timedelta(days=30)
# Old events are forgotten so many at a time, each time in a transaction of its own.
BATCH = 5000
MAX_BATCHES = 20


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened in a workspace, and the object that tells of it, in the newest version of the API."""

    organization_id: str
    type: str
    object: dict[str, Any]
    patient_id: str | None = None
    # `url` of a flow, which goes here and not into `object`: it is a secret.
    link: str | None = None


def emit(
    organization: Organization | str,
    type: str,  # noqa: A002  the word of the contract
    object: dict[str, Any],  # noqa: A002  the same
    *,
    now: datetime,
    patient_id: str | None = None,
) -> Event:
    """Write an event of a workspace, given itself or as its id: one INSERT, in the transaction of the fact itself.

    `patient_id` is our own id of the patient whom `object` is about, so that erasing them takes the event along. That
    holds if the transaction has written or locked a row that hangs on the patient, or holds them
    (patients/holding.py). Raises ValueError for a type that is not known, and outside of a transaction.
    """
    organization_id = organization if isinstance(organization, str) else organization.pk
    fact = Fact(organization_id=organization_id, type=type, object=object, patient_id=patient_id)
    return emit_all([fact], now=now)[0]


def emit_all(facts: Iterable[Fact], *, now: datetime) -> list[Event]:
    """The same for any number of facts, in their order, by one INSERT. For none it does nothing."""
    if not transaction.get_connection().in_atomic_block:
        raise ValueError("An event is written in the transaction of what it tells of.")
    return Event.objects.bulk_create([_event(fact, now) for fact in facts])


def _event(fact: Fact, now: datetime) -> Event:
    return Event(
        organization_id=fact.organization_id,
        type=EventType(fact.type).value,
        object=fact.object,
        link=fact.link,
        patient_id=fact.patient_id,
        created_at=now,
    )


def forget_patient(organization_id: str, patient_id: str) -> int:
    """Delete the events that are about a patient; their number.

    It belongs at the end of the erasure, in its transaction: whoever was writing about the patient has then ended, so
    that their events are found, and nobody can begin to.
    """
    return Event.objects.about_patient(organization_id, patient_id).delete()[0]


def forget_old(now: datetime) -> int:
    """Delete the events that are older than KEPT, at most MAX_BATCHES × BATCH; their number."""
    forgotten = 0
    for _ in range(MAX_BATCHES):
        oldest = Event.objects.written_before(now - KEPT).order_by("pk").values("pk")[:BATCH]
        deleted, _per_model = Event.objects.filter(pk__in=oldest).delete()
        forgotten += deleted
        if deleted < BATCH:
            break
    return forgotten
