"""Noting what came of attempts: of many in one transaction, by a few statements (docs/adr/0024).

Locked are, as everywhere, first endpoints, then deliveries, then attempts, each in the order of their ids.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from webhooks.claiming import SLOW, STANDSTILL, Claim
from webhooks.models import Delivery, Disabled, Endpoint, Outcome
from webhooks.schedule import ATTEMPTS, WHOLE_SCHEDULE, next_attempt
from webhooks.sending import Answer
from webhooks.switching import disable

GONE = 410
# What is due at an endpoint has waited for so long: it gets more than can be tried.
SWAMPED = timedelta(hours=1)

# Only what is still open: an attempt whose claim ran out has been given up, and another one made. And `next_attempt_at`
# only where nobody else has written it since the claim: a redelivery that was asked for stays, and so does a hold.
_NOTE = """
WITH ended AS (
    SELECT * FROM unnest(
        %(attempts)s::bigint[], %(outcomes)s::text[], %(durations)s::int[], %(statuses)s::int[], %(problems)s::text[],
        %(texts)s::text[], %(untils)s::timestamptz[], %(nexts)s::timestamptz[], %(delivered)s::timestamptz[],
        %(failures)s::int[]
    ) AS ended (
        attempt_id, outcome, duration_ms, status_code, problem, text, until, next_attempt_at, delivered_at, failures
    )
), noted AS (
    UPDATE webhooks_attempt AS attempt SET outcome = ended.outcome, duration_ms = ended.duration_ms,
        status_code = ended.status_code, problem = ended.problem, response_body = ended.text
    FROM ended WHERE attempt.id = ANY(%(attempts)s) AND attempt.id = ended.attempt_id AND attempt.outcome = 'open'
    RETURNING attempt.delivery_id, ended.*
)
UPDATE webhooks_delivery AS delivery SET
    attempts = delivery.attempts + 1,
    failures = CASE WHEN noted.delivered_at IS NOT NULL THEN 0
        WHEN delivery.next_attempt_at = noted.until THEN noted.failures ELSE delivery.failures END,
    claimed_until = NULL,
    next_attempt_at = CASE WHEN delivery.next_attempt_at = noted.until THEN noted.next_attempt_at
        ELSE delivery.next_attempt_at END,
    delivered_at = coalesce(delivery.delivered_at, noted.delivered_at),
    last_status_code = noted.status_code,
    last_problem = noted.problem,
    last_response_body = CASE WHEN noted.status_code IS NOT NULL THEN noted.text END
FROM noted WHERE delivery.id = ANY(%(deliveries)s) AND delivery.id = noted.delivery_id
RETURNING noted.attempt_id, delivery.failures
"""
_NOTE_HEALTH = """
UPDATE webhooks_endpoint AS endpoint SET failing_since = health.failing_since, is_quick = health.is_quick,
    told_of_failing_at = CASE WHEN health.failing_since IS NOT NULL THEN endpoint.told_of_failing_at END
FROM unnest(%(endpoints)s::text[], %(since)s::timestamptz[], %(quick)s::boolean[])
    AS health (endpoint_id, failing_since, is_quick)
WHERE endpoint.id = health.endpoint_id
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """An attempt that has come to its end."""

    claim: Claim
    answer: Answer
    at: datetime

    def failures(self, endpoint: Endpoint) -> int:
        """How many attempts at its address have failed in a row by now, since somebody last asked for it."""
        if self.answer.is_success:
            return 0
        return self.claim.failures + self.was_sent_to(endpoint)

    def disables(self, endpoint: Endpoint, failures: int) -> Disabled | None:
        """Why nothing more is to be sent to the endpoint after this, of which so many attempts have failed in a row."""
        if self.answer.is_success or not self.counts_for(endpoint):
            return None
        if self.answer.status == GONE:
            return Disabled.GONE
        is_over = failures >= ATTEMPTS or self._is_swamped(endpoint)
        return Disabled.FAILED if is_over and not self.claim.is_test else None

    def next_attempt_at(self, endpoint: Endpoint) -> datetime | None:
        """A test is tried once: it says how things are now. What went to another address is due at this one."""
        if self.answer.is_success or self.claim.is_test:
            return None
        if not self.was_sent_to(endpoint):
            return self.at
        failures = self.failures(endpoint)
        if self.disables(endpoint, failures):
            return None
        return next_attempt(failures, self.answer, self.at, lot=random.random())  # noqa: S311  jitter

    def _is_swamped(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint has failed for longer than nine attempts take, and gets more than it fails at: what is
        due waits, so that no event would come to its ninth attempt."""
        has_failed_for = self.at - (endpoint.failing_since or self.at)
        return has_failed_for > WHOLE_SCHEDULE and self.claim.waited > SWAMPED

    def was_sent_to(self, endpoint: Endpoint) -> bool:
        """Not to an address that it had before."""
        return self.claim.endpoint.url == endpoint.url

    def counts_for(self, endpoint: Endpoint) -> bool:
        """Whether it says how the endpoint is: it went to the address of now, and began after the last revival."""
        is_of_before = endpoint.revived_at is not None and self.claim.started_at < endpoint.revived_at
        return self.was_sent_to(endpoint) and not is_of_before


def note(ended: Sequence[Ended], now: datetime) -> list[Ended]:
    """Note what came of attempts; those that have to be noted later, because somebody else has their endpoint locked.

    Who deletes an endpoint with all that was sent to it takes a while, and holds up nobody else's.
    """
    with transaction.atomic():
        endpoints = _locked({each.claim.endpoint_id for each in ended})
        here = sorted((each for each in ended if each.claim.endpoint_id in endpoints), key=lambda each: each.at)
        if here:
            _lock_deliveries(here)
            failures = _note(here, endpoints)
            noted = [each for each in here if each.claim.attempt_id in failures]
            _note_health(noted, endpoints)
            _disable(noted, failures, endpoints, now)
    return [each for each in ended if each.claim.endpoint_id not in endpoints and now < each.claim.until]


def _locked(ids: set[str]) -> dict[str, Endpoint]:
    """Those of the endpoints that are here and that nobody else has locked, as far as needed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [STANDSTILL])
    rows = Endpoint.objects.filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True, no_key=True)
    return {each.pk: each for each in rows.only("pk", "url", "failing_since", "is_quick", "revived_at")}


def _lock_deliveries(ended: list[Ended]) -> None:
    """Those that disabling their endpoint will hold are not among them: it waits for none (webhooks/switching.py)."""
    rows = Delivery.objects.filter(pk__in=[each.claim.delivery_id for each in ended])
    list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk"))


def _note(ended: list[Ended], endpoints: dict[str, Endpoint]) -> dict[int, int]:
    """Of those attempts that were open, by their ids, how many have failed in a row at their deliveries now: none
    where somebody asked for a delivery again meanwhile."""
    values: dict[str, list[Any]] = {
        "attempts": [each.claim.attempt_id for each in ended],
        "deliveries": [each.claim.delivery_id for each in ended],
        "outcomes": [Outcome.DELIVERED if each.answer.is_success else Outcome.FAILED for each in ended],
        "durations": [round(each.answer.duration.total_seconds() * 1000) for each in ended],
        "statuses": [each.answer.status for each in ended],
        "problems": [each.answer.problem for each in ended],
        "texts": [each.answer.text for each in ended],
        "untils": [each.claim.until for each in ended],
        "nexts": [each.next_attempt_at(endpoints[each.claim.endpoint_id]) for each in ended],
        "delivered": [each.at if each.answer.is_success else None for each in ended],
        "failures": [each.failures(endpoints[each.claim.endpoint_id]) for each in ended],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, values)
        return dict(cursor.fetchall())


def _disable(ended: list[Ended], failures: dict[int, int], endpoints: dict[str, Endpoint], now: datetime) -> None:
    """Disable the endpoints of which this is the end."""
    of_each = (
        (each.claim.endpoint_id, each.disables(endpoints[each.claim.endpoint_id], failures[each.claim.attempt_id]))
        for each in ended
    )
    reasons = {endpoint_id: reason for endpoint_id, reason in of_each if reason}
    for endpoint_id, reason in sorted(reasons.items()):
        if disable(endpoint_id, reason, now):
            logger.warning("nothing more is sent to %s: %s", Endpoint(pk=endpoint_id).public_id, reason.label)


def _note_health(ended: list[Ended], endpoints: dict[str, Endpoint]) -> None:
    """Write down since when endpoints fail and whether they are quick, where that has changed.

    A test that fails says nothing of events.
    """
    after = {pk: (endpoint.failing_since, endpoint.is_quick) for pk, endpoint in endpoints.items()}
    for each in ended:
        endpoint = endpoints[each.claim.endpoint_id]
        failing_since, is_quick = after[endpoint.pk]
        if each.counts_for(endpoint) and each.answer.is_success:
            failing_since = None
        elif each.counts_for(endpoint) and not each.claim.is_test:
            failing_since = failing_since or each.at
        if each.was_sent_to(endpoint):
            is_quick = each.answer.duration < SLOW
        after[endpoint.pk] = failing_since, is_quick
    changed = {
        pk: health for pk, health in after.items() if health != (endpoints[pk].failing_since, endpoints[pk].is_quick)
    }
    if changed:
        since, quick = zip(*changed.values(), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_HEALTH, {"endpoints": list(changed), "since": list(since), "quick": list(quick)})
