"""Sending at somebody's request: once more, all of a while once more, or a test (contract §9)."""

import math
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from common.errors import Conflict, NotFound, Throttled
from webhooks.announcing import announce
from webhooks.examples import EXAMPLES
from webhooks.models import Delivery, Endpoint, EndpointStatus
from webhooks.writing import delivery_to

# An event is redelivered, and an endpoint's events are replayed, no more often than this.
SPACING = timedelta(minutes=1)
REPLAYED_PER_SECOND = 20
# Locked in the order in which everybody locks deliveries. What is due earlier anyway stays so; but the time that stands
# at what is under way is only the end of its claim, and would go with it (webhooks/claiming.py).
_REPLAY = """
    WITH chosen AS MATERIALIZED (
        SELECT id FROM webhooks_delivery
        WHERE endpoint_id = %(endpoint)s AND event_id IS NOT NULL AND created_at BETWEEN %(since)s AND %(until)s
            AND (delivered_at IS NULL OR %(include_delivered)s)
        ORDER BY id FOR UPDATE
    ), spaced AS (
        SELECT id, (row_number() OVER (ORDER BY id) - 1) * %(pause)s AS later FROM chosen
    )
    UPDATE webhooks_delivery delivery
    SET next_attempt_at = LEAST(
            CASE WHEN delivery.claimed_until > %(now)s THEN NULL ELSE delivery.next_attempt_at END,
            %(now)s + spaced.later
        ), last_redelivered_at = %(now)s,
        failures = 0
    FROM spaced WHERE delivery.id = spaced.id
"""


def redeliver(delivery: Delivery, now: datetime) -> Delivery:
    """Have an event sent to its endpoint at once, whatever came of it before; the delivery as it is then.

    If that fails it is tried again as often as an event that has just happened.

    Raises Conflict where the endpoint is disabled, Throttled where it was done less than SPACING ago, and NotFound
    where either is gone.
    """
    with transaction.atomic():
        _hold_active(delivery.endpoint_id)
        rested = Q(last_redelivered_at=None) | Q(last_redelivered_at__lte=now - SPACING)
        changed = Delivery.objects.filter(rested, pk=delivery.pk).update(
            last_redelivered_at=now, next_attempt_at=now, failures=0
        )
        present = Delivery.objects.filter(pk=delivery.pk).first()
        if present is None:
            raise NotFound("There is no event with this id.")
        if not changed:
            raise _too_soon("An event can be redelivered once a minute.", present.last_redelivered_at, now)
        announce()
    return present


def replay(endpoint: Endpoint, *, since: datetime, until: datetime, include_delivered: bool, now: datetime) -> int:
    """Have the events that happened from `since` until `until` sent again, the oldest first; their number.

    No tests, which are made up, and only those that were not delivered, unless `include_delivered`. They are spread
    out, so that a receiver that is just back is not overrun. Raises Conflict where the endpoint is disabled, Throttled
    where it was done less than SPACING ago, and NotFound where it is gone.
    """
    with transaction.atomic():
        held = _hold_active(endpoint.pk)
        if held.last_replayed_at and held.last_replayed_at > now - SPACING:
            raise _too_soon("An endpoint's events can be replayed once a minute.", held.last_replayed_at, now)
        Endpoint.objects.filter(pk=held.pk).update(last_replayed_at=now)
        asked: dict[str, Any] = {"endpoint": held.pk, "since": since, "until": until, "now": now}
        asked |= {"include_delivered": include_delivered, "pause": timedelta(seconds=1) / REPLAYED_PER_SECOND}
        with connection.cursor() as cursor:
            cursor.execute(_REPLAY, asked)
            replayed: int = cursor.rowcount
        announce()
    return replayed


def send_test(endpoint: Endpoint, type: str, now: datetime) -> Delivery:  # noqa: A002  the word of the contract
    """Have an example of this type sent, like an event that happened now; its delivery. It is not in the feed.

    Raises Conflict where the endpoint is disabled, and NotFound where it is gone.
    """
    with transaction.atomic():
        held = _hold_active(endpoint.pk)
        delivery = delivery_to(held, type, EXAMPLES[type], now=now, event=None, at=now)
        delivery.save(force_insert=True)
    return delivery


def _hold_active(endpoint_id: str) -> Endpoint:
    """The endpoint, which nobody switches off until the transaction around this ends."""
    rows = Endpoint.objects.without_secrets().select_for_update(no_key=True)
    held = rows.filter(pk=endpoint_id).first()
    if held is None:
        raise NotFound("There is no webhook endpoint with this id.")
    if held.status != EndpointStatus.ACTIVE:
        raise Conflict('The endpoint is disabled. Switch it on first: PATCH it with {"status": "active"}.')
    return held


def _too_soon(rule: str, last: datetime | None, now: datetime) -> Throttled:
    wait = math.ceil(((last or now) + SPACING - now).total_seconds())
    return Throttled(f"{rule} Try again in {wait} s.", retry_after=wait)
