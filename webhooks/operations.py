"""Writing down what apps are told of (docs/adr/0022)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from organizations.models import Organization
from webhooks.events import EventType
from webhooks.models import Delivery, Endpoint, Event
from webhooks.writing import deliveries_of

# What is asked of an endpoint to know what it is told.
_LISTENING = ("organization_id", "events", "status", "api_version")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened in a workspace, and the object that tells of it, in the newest version of the API."""

    organization_id: str
    type: str
    object: dict[str, Any]
    patient_id: str | None = None
    # `url` of a flow, which goes here and not into `object`: it is a secret.
    link: str | None = None
    # The other names of the fact, for endpoints that asked for those, and what is different in `object` then.
    synonyms: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def emit(
    organization: Organization | str,
    type: str,  # noqa: A002  the word of the contract
    object: dict[str, Any],  # noqa: A002  the same
    *,
    now: datetime,
    patient_id: str | None = None,
) -> Event:
    """Write an event of a workspace, given itself or as its id, and its deliveries, in the transaction of the fact.

    Two queries, and a third where an endpoint of the workspace wants to be told.

    `patient_id` is our own id of the patient whom `object` is about, so that erasing them takes the event along. That
    holds if the transaction has written or locked a row that hangs on the patient, or holds them
    (patients/holding.py). Raises ValueError for a type that is not known, and outside of a transaction.
    """
    organization_id = organization if isinstance(organization, str) else organization.pk
    fact = Fact(organization_id=organization_id, type=type, object=object, patient_id=patient_id)
    return emit_all([fact], now=now)[0]


def emit_all(facts: Iterable[Fact], *, now: datetime) -> list[Event]:
    """The same for any number of facts, in their order, by as many queries. For none it does nothing."""
    facts = list(facts)
    if not transaction.get_connection().in_atomic_block:
        raise ValueError("An event is written in the transaction of what it tells of.")
    events = Event.objects.bulk_create([_event(fact, now) for fact in facts])
    if events:
        Delivery.objects.bulk_create(_deliveries(facts, events))
    return events


def _deliveries(facts: list[Fact], events: list[Event]) -> list[Delivery]:
    endpoints: dict[str, list[Endpoint]] = {}
    organizations = {event.organization_id for event in events}
    listening = Endpoint.objects.filter(organization_id__in=organizations).only(*_LISTENING).order_by("pk")
    for endpoint in listening:
        endpoints.setdefault(endpoint.organization_id, []).append(endpoint)
    return [
        delivery
        for fact, event in zip(facts, events, strict=True)
        for delivery in deliveries_of(event, endpoints.get(event.organization_id, []), fact.synonyms)
    ]


def _event(fact: Fact, now: datetime) -> Event:
    return Event(
        organization_id=fact.organization_id,
        type=EventType(fact.type).value,
        object=fact.object,
        link=fact.link,
        patient_id=fact.patient_id,
        created_at=now,
    )
