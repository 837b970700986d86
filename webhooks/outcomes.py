"""Noting what came of attempts: of many in one transaction, by a few statements (docs/adr/0024).

Locked are, as everywhere, first endpoints, then deliveries, then attempts, each in the order of their ids.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from webhooks.claiming import Claim
from webhooks.models import Delivery, Disabled, Endpoint, Outcome
from webhooks.schedule import ATTEMPTS, next_attempt
from webhooks.sending import Answer
from webhooks.switching import disable

GONE = 410

# Only what is still open: an attempt whose claim ran out has been given up, and another one made. And `next_attempt_at`
# only where nobody else has written it since the claim: a redelivery that was asked for stays, and so does a hold.
_NOTE = """
WITH ended AS (
    SELECT * FROM unnest(
        %(attempts)s::bigint[], %(outcomes)s::text[], %(durations)s::int[], %(statuses)s::int[], %(problems)s::text[],
        %(texts)s::text[], %(untils)s::timestamptz[], %(nexts)s::timestamptz[], %(delivered)s::timestamptz[]
    ) AS ended (attempt_id, outcome, duration_ms, status_code, problem, text, until, next_attempt_at, delivered_at)
), noted AS (
    UPDATE webhooks_attempt AS attempt SET outcome = ended.outcome, duration_ms = ended.duration_ms,
        status_code = ended.status_code, problem = ended.problem, response_body = ended.text
    FROM ended WHERE attempt.id = ANY(%(attempts)s) AND attempt.id = ended.attempt_id AND attempt.outcome = 'open'
    RETURNING attempt.delivery_id, ended.*
)
UPDATE webhooks_delivery AS delivery SET
    attempts = delivery.attempts + 1,
    failures = CASE WHEN noted.delivered_at IS NOT NULL THEN 0
        WHEN delivery.next_attempt_at = noted.until THEN delivery.failures + 1 ELSE delivery.failures END,
    claimed_until = NULL,
    next_attempt_at = CASE WHEN delivery.next_attempt_at = noted.until THEN noted.next_attempt_at
        ELSE delivery.next_attempt_at END,
    delivered_at = coalesce(delivery.delivered_at, noted.delivered_at),
    last_status_code = noted.status_code,
    last_problem = noted.problem,
    last_response_body = CASE WHEN noted.status_code IS NOT NULL THEN noted.text END
FROM noted WHERE delivery.id = ANY(%(deliveries)s) AND delivery.id = noted.delivery_id
RETURNING noted.attempt_id
"""
_NOTE_HEALTH = """
UPDATE webhooks_endpoint AS endpoint SET failing_since = health.failing_since,
    told_of_failing_at = CASE WHEN health.failing_since IS NOT NULL THEN endpoint.told_of_failing_at END
FROM unnest(%(endpoints)s::text[], %(since)s::timestamptz[]) AS health (endpoint_id, failing_since)
WHERE endpoint.id = health.endpoint_id
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """An attempt that has come to its end."""

    claim: Claim
    answer: Answer
    at: datetime

    @property
    def failures(self) -> int:
        """How many attempts have failed in a row by now, since somebody last asked for it."""
        return 0 if self.answer.is_success else self.claim.failures + 1

    @property
    def disables(self) -> Disabled | None:
        """Why nothing more is to be sent to the endpoint after this."""
        if self.answer.status == GONE:
            return Disabled.GONE
        return Disabled.FAILED if self.failures >= ATTEMPTS and not self.claim.is_test else None

    def next_attempt_at(self) -> datetime | None:
        """A test is tried once: it says how things are now."""
        if self.answer.is_success or self.disables or self.claim.is_test:
            return None
        return next_attempt(self.failures, self.answer, self.at, lot=random.random())  # noqa: S311  jitter


def note(ended: Sequence[Ended], now: datetime) -> list[Ended]:
    """Note what came of attempts; those that have to be noted later, because somebody else has their endpoint locked.

    Who deletes an endpoint with all that was sent to it takes a while, and holds up nobody else's.
    """
    with transaction.atomic():
        endpoints = _locked({each.claim.endpoint_id for each in ended})
        here = sorted((each for each in ended if each.claim.endpoint_id in endpoints), key=lambda each: each.at)
        if here:
            _lock_deliveries(here)
            open_ones = _note(here)
            noted = [each for each in here if each.claim.attempt_id in open_ones]
            _note_health(noted, endpoints)
            _disable(noted, now)
    return [each for each in ended if each.claim.endpoint_id not in endpoints and now < each.claim.until]


def _locked(ids: set[str]) -> dict[str, datetime | None]:
    """Those of the endpoints that are here and that nobody else has locked, with the moment since when they fail."""
    rows = Endpoint.objects.filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True, no_key=True)
    return dict(rows.values_list("pk", "failing_since"))


def _lock_deliveries(ended: list[Ended]) -> None:
    """Also those that disabling their endpoint will hold: whoever locks one after the other has to know all at once."""
    mine = Q(pk__in=[each.claim.delivery_id for each in ended])
    disabled = [each.claim.endpoint_id for each in ended if each.disables]
    if disabled:
        mine |= Q(endpoint__in=disabled, next_attempt_at__isnull=False)
    list(Delivery.objects.filter(mine).order_by("pk").select_for_update(of=("self",)).values_list("pk"))


def _note(ended: list[Ended]) -> set[int]:
    """The ids of those attempts that were open."""
    values: dict[str, list[Any]] = {
        "attempts": [each.claim.attempt_id for each in ended],
        "deliveries": [each.claim.delivery_id for each in ended],
        "outcomes": [Outcome.DELIVERED if each.answer.is_success else Outcome.FAILED for each in ended],
        "durations": [round(each.answer.duration.total_seconds() * 1000) for each in ended],
        "statuses": [each.answer.status for each in ended],
        "problems": [each.answer.problem for each in ended],
        "texts": [each.answer.text for each in ended],
        "untils": [each.claim.until for each in ended],
        "nexts": [each.next_attempt_at() for each in ended],
        "delivered": [each.at if each.answer.is_success else None for each in ended],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, values)
        return {attempt for (attempt,) in cursor.fetchall()}


def _disable(ended: list[Ended], now: datetime) -> None:
    because = {each.claim.endpoint_id: each.disables for each in ended if each.disables}
    for endpoint_id, reason in sorted(because.items()):
        if disable(endpoint_id, reason, now):
            logger.warning("nothing more is sent to %s: %s", Endpoint(pk=endpoint_id).public_id, reason.label)


def _note_health(ended: list[Ended], failing_since: dict[str, datetime | None]) -> None:
    """Write down since when endpoints fail, where that has changed. A test that fails says nothing of events."""
    after = dict(failing_since)
    for each in (one for one in ended if one.answer.is_success or not one.claim.is_test):
        endpoint = each.claim.endpoint_id
        after[endpoint] = None if each.answer.is_success else after[endpoint] or each.at
    changed = {endpoint: since for endpoint, since in after.items() if since != failing_since[endpoint]}
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_HEALTH, {"endpoints": list(changed), "since": list(changed.values())})
