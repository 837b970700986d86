"""How the staff's pages put endpoints, deliveries and attempts into words."""

from datetime import datetime

from django.utils.safestring import SafeString

from common.admin_html import badge
from webhooks.models import Attempt, Delivery, Endpoint, Outcome

OUTCOME_TONES = {
    Outcome.OPEN: "info",
    Outcome.DELIVERED: "success",
    Outcome.FAILED: "danger",
    Outcome.UNKNOWN: "warning",
}
OUTCOME_WORDS = {
    Outcome.OPEN: "under way",
    Outcome.DELIVERED: "delivered",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "not known",
}


def endpoint_badge(endpoint: Endpoint) -> SafeString:
    if not endpoint.is_active:
        return badge("danger" if endpoint.disabled_because != "asked" else "neutral", "disabled")
    return badge("warning", "failing") if endpoint.failing_since else badge("success", "active")


def delivery_badge(delivery: Delivery, now: datetime) -> SafeString:
    """Where an event is on its way. One that is sent again is on its way, whether it had been delivered or not."""
    if delivery.claimed_until is not None and delivery.claimed_until > now:
        return badge("info", "under way")
    if delivery.next_attempt_at is not None:
        return badge("warning", "retrying") if delivery.attempts else badge("info", "waiting")
    return badge("success", "delivered") if delivery.delivered_at else badge("danger", "held")


def outcome_badge(attempt: Attempt) -> SafeString:
    outcome = Outcome(attempt.outcome)
    return badge(OUTCOME_TONES[outcome], OUTCOME_WORDS[outcome])


def took(attempt: Attempt) -> str:
    """How long an attempt took; a dash where nobody knows."""
    if attempt.duration_ms is None:
        return "–"
    return f"{attempt.duration_ms} ms" if attempt.duration_ms < 1000 else f"{attempt.duration_ms / 1000:.1f} s"
