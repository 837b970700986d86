"""Writing down what apps are told of (docs/adr/0022)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction

from organizations.models import Organization
from webhooks.events import EventType
from webhooks.holding import hold_endpoints
from webhooks.models import Delivery, Endpoint, Event
from webhooks.writing import deliveries_of

# So many deliveries are made and written at a time, so that many facts for many endpoints need little memory.
DELIVERIES_AT_ONCE = 1000


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
    """The same for any number of facts, in their order. For none it does nothing.

    By as many queries, and one more for every DELIVERIES_AT_ONCE deliveries. The endpoints that are told stay until the
    transaction ends: none is deleted between the fact and its deliveries.
    """
    facts = list(facts)
    if not transaction.get_connection().in_atomic_block:
        raise ValueError("An event is written in the transaction of what it tells of.")
    events = Event.objects.bulk_create([_event(fact, now) for fact in facts])
    if events:
        deliveries = _deliveries(facts, events)
        while some := list(islice(deliveries, DELIVERIES_AT_ONCE)):
            Delivery.objects.bulk_create(some)
    return events


def _deliveries(facts: list[Fact], events: list[Event]) -> Iterator[Delivery]:
    endpoints: dict[str, list[Endpoint]] = {}
    names = {name for fact in facts for name in (fact.type, *fact.synonyms)}
    for endpoint in hold_endpoints({fact.organization_id for fact in facts}, names):
        endpoints.setdefault(endpoint.organization_id, []).append(endpoint)
    for fact, event in zip(facts, events, strict=True):
        yield from deliveries_of(event, endpoints.get(event.organization_id, []), fact.synonyms)


def _event(fact: Fact, now: datetime) -> Event:
    return Event(
        organization_id=fact.organization_id,
        type=EventType(fact.type).value,
        object=fact.object,
        link=fact.link,
        patient_id=fact.patient_id,
        created_at=now,
    )
