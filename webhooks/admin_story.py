"""What was sent to an endpoint and what it answered, as staff read it.

Answers are the receivers' own words, hostile ones too: templates escape them, and what they repeat of links and
signatures is hidden (webhooks/admin_masks.py).
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from common.admin_html import moment
from common.encryption import InvalidToken, box, sealed
from webhooks.admin_health import ChartDay, Health, chart_of, health_of, up_to
from webhooks.admin_masks import answer_for_staff, body_for_staff, headers_for_staff
from webhooks.admin_words import delivery_badge, outcome_badge, took
from webhooks.models import Attempt, Delivery, Endpoint, Event

SHOWN_ATTEMPTS = 20
SHOWN_ATTEMPTS_OF_DELIVERY = 50
SHOWN_DELIVERIES = 50


@dataclass(frozen=True)
class Request:
    """What was sent. The address is that of now: an attempt does not note it."""

    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Try:
    """One attempt. `answer` is what came back, in the receiver's words."""

    attempt: Attempt
    delivery: Delivery
    status: SafeString
    took: str
    request: Request
    answer: str


@dataclass(frozen=True)
class Sent:
    """One of the deliveries of an event."""

    row: Delivery
    host: str
    status: SafeString
    next: SafeString | str


@dataclass(frozen=True)
class EndpointStory:
    endpoint: Endpoint
    health: Health
    chart: list[ChartDay]
    tries: list[Try]

    @property
    def has_attempts(self) -> bool:
        return any(day.total for day in self.chart)

    @property
    def waiting(self) -> str:
        return up_to(self.health.waiting)

    @property
    def held(self) -> str:
        return up_to(self.health.held)


@dataclass(frozen=True)
class DeliveryStory:
    delivery: Delivery
    request: Request
    tries: list[Try]


def story_of_endpoint(endpoint: Endpoint, now: datetime, *, with_tries: bool) -> EndpointStory:
    """All of it, in three queries."""
    return EndpointStory(
        endpoint=endpoint,
        health=health_of([endpoint.pk], now)[endpoint.pk],
        chart=chart_of(endpoint.pk, now),
        tries=_newest_tries(endpoint) if with_tries else [],
    )


def story_of_delivery(delivery: Delivery, now: datetime) -> DeliveryStory:
    """All of it, in two queries. `delivery` is one with its endpoint, and without its body."""
    delivery.body = _opened(Delivery.objects.filter(pk=delivery.pk).values_list(sealed("body"), flat=True).first())
    newest = list(delivery.tries.order_by("-started_at", "-pk")[:SHOWN_ATTEMPTS_OF_DELIVERY])
    return DeliveryStory(
        delivery=delivery,
        request=_request(delivery, newest[0].started_at if newest else now),
        tries=[_try(attempt, delivery) for attempt in newest],
    )


def deliveries_of(event: Event, now: datetime) -> list[Sent]:
    """To whom an event is sent, and how far that is."""
    deliveries = event.deliveries.select_related("endpoint").order_by("pk")
    shown = deliveries.defer("body", "last_response_body", "endpoint__secret", "endpoint__previous_secret")
    return [
        Sent(delivery, delivery.endpoint.label, delivery_badge(delivery, now), moment(delivery.next_attempt_at))
        for delivery in shown[:SHOWN_DELIVERIES]
    ]


def _newest_tries(endpoint: Endpoint) -> list[Try]:
    attempts = Attempt.objects.filter(endpoint=endpoint).select_related("delivery").order_by("-started_at", "-pk")
    newest = attempts.defer("delivery__body", "delivery__last_response_body").annotate(sealed=sealed("delivery__body"))
    tries = []
    for attempt in newest[:SHOWN_ATTEMPTS]:
        attempt.delivery.endpoint = endpoint
        attempt.delivery.body = _opened(attempt.sealed)
        tries.append(_try(attempt, attempt.delivery))
    return tries


def _opened(ciphertext: str | None) -> str:
    """Empty where the key was lost. One row by itself, so that it does not take a page of others along."""
    try:
        return box().decrypt(ciphertext.encode()).decode() if ciphertext else ""
    except InvalidToken:
        return ""


def _try(attempt: Attempt, delivery: Delivery) -> Try:
    return Try(
        attempt=attempt,
        delivery=delivery,
        status=outcome_badge(attempt),
        took=took(attempt),
        request=_request(delivery, attempt.started_at),
        answer=answer_for_staff(attempt.response_body, delivery),
    )


def _request(delivery: Delivery, at: datetime) -> Request:
    return Request(delivery.endpoint.url, headers_for_staff(delivery, at), body_for_staff(delivery))
