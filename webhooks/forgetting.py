"""What apps were told of is forgotten with its patient, with its endpoint, and when it is old."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from webhooks.holding import hold_endpoints
from webhooks.models import Attempt, Delivery, Disabled, Endpoint, Event
from webhooks.switching import disable

KEPT = timedelta(days=30)
# So many at a time, each time in a transaction of its own.
BATCH = 5000
MAX_BATCHES = 20


def forget_patient(organization_id: str, patient_id: str) -> int:
    """Delete the events that are about a patient, and what was sent of them; the number of events.

    It belongs at the end of the erasure, in its transaction: whoever was writing about the patient has then ended, so
    that their events are found, and nobody can begin to.
    """
    ids = list(Event.objects.about_patient(organization_id, patient_id).values_list("pk", flat=True))
    if ids:
        hold_endpoints([organization_id])  # before deliveries, as everywhere: they are told of the erasure after this
    return _forget_events(ids)


def forget_endpoint(endpoint: Endpoint, now: datetime) -> None:
    """Delete an endpoint and all that was sent to it. The events stay in the feed. Not for inside a transaction.

    It is switched off first, and what was sent to it goes BATCH at a time. Only the end, where little is left, holds up
    whoever writes an event. Should it not come to that, the endpoint is there, disabled, without what has gone by then.
    """
    disable(endpoint.pk, Disabled.ASKED, now)
    sent = Delivery.objects.filter(endpoint=endpoint)
    deleted = BATCH
    while deleted == BATCH:
        with transaction.atomic(durable=True):
            deleted = _delete(sent, at_most=BATCH)
    with transaction.atomic(durable=True):
        list(Endpoint.objects.select_for_update().filter(pk=endpoint.pk).values_list("pk"))  # nobody adds to it now
        _delete(sent)
        _delete_rows(Endpoint.objects.filter(pk=endpoint.pk))


def forget_old(now: datetime) -> int:
    """Delete the events that are older than KEPT and what was sent of them, and old tests; the number of events.

    At most MAX_BATCHES × BATCH of each.
    """
    old_tests = Delivery.objects.filter(event=None, created_at__lt=now - KEPT).order_by("created_at")
    old_events = Event.objects.written_before(now - KEPT).order_by("pk")
    _in_batches(lambda: _delete(Delivery.objects.filter(pk__in=old_tests.values("pk")[:BATCH])))
    return _in_batches(lambda: _forget_events(list(old_events.values_list("pk", flat=True)[:BATCH])))


def _forget_events(ids: list[str]) -> int:
    """Nothing is sent of an event later than in its own transaction: what refers to it is found here."""
    _delete(Delivery.objects.filter(event__in=ids))
    return _delete_rows(Event.objects.filter(pk__in=ids)) if ids else 0


def _in_batches(forget_some: Callable[[], int]) -> int:
    forgotten = 0
    for _ in range(MAX_BATCHES):
        with transaction.atomic():
            some = forget_some()
        forgotten += some
        if some < BATCH:
            break
    return forgotten


def _delete(deliveries: QuerySet[Delivery], *, at_most: int | None = None) -> int:
    """Delete deliveries with their attempts, by two statements; their number.

    They are locked in the order in which workers lock them (webhooks/outcomes.py).
    """
    ids = list(deliveries.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True)[:at_most])
    if ids:
        _delete_rows(Attempt.objects.filter(delivery__in=ids))
        _delete_rows(Delivery.objects.filter(pk__in=ids))
    return len(ids)


def _delete_rows(rows: QuerySet[Any]) -> int:
    """One statement. Django's own `delete` would load what refers to them, to find that there is nothing."""
    return rows._raw_delete(rows.db)
