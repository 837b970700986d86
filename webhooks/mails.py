"""Mails to a workspace's contact about an endpoint that does not take its events. Plain text.

They name the endpoint by its id and host: its whole address may have an app's secrets in it. Nothing in them is about
a patient, so what a receiver answered is told by its status only.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from procrastinate.contrib.django import app

from common.fields import TimestampField
from webhooks.models import Attempt, Delivery, Disabled, Endpoint, EndpointStatus, Outcome

# Jobs of which one at a time is done: they can hang at a mail server.
QUEUE = "mails"
TELL_OF_FAILING = "webhooks.tasks.tell_of_failing"
# Whoever fails for so long is told of.
LONG = timedelta(hours=24)
AT_ONCE = 1000

_timestamp = TimestampField().to_representation


def enqueue_failing(now: datetime) -> int:
    """Have the contacts told whose endpoints have failed for LONG, once until each succeeds again; how many."""
    failing = Endpoint.objects.filter(
        status=EndpointStatus.ACTIVE, failing_since__lte=now - LONG, told_of_failing_at=None
    )
    with_contact = failing.exclude(organization__contact_email="").order_by("failing_since")
    told = 0
    for pk in list(with_contact.values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            if failing.filter(pk=pk).update(told_of_failing_at=now):
                app.configure_task(TELL_OF_FAILING).defer(endpoint_id=pk)
                told += 1
    return told


def tell_of_failing(endpoint_id: str) -> bool:
    """Tell that an endpoint has failed for a day. False, with no mail, where that is over or there is no contact."""
    endpoint = _endpoint(endpoint_id, status=EndpointStatus.ACTIVE, failing_since__isnull=False)
    if endpoint is None or endpoint.failing_since is None:
        return False
    about = f"Webhooks to {endpoint.host} have been failing for a day"
    _send(endpoint, about, "mails/endpoint_failing.txt", endpoint.failing_since)
    return True


def tell_of_disabling(endpoint_id: str) -> bool:
    """Tell that an endpoint was disabled by failures. False, with no mail, where it is not or there is no contact."""
    by_itself = [Disabled.FAILED, Disabled.GONE]
    endpoint = _endpoint(endpoint_id, status=EndpointStatus.DISABLED, disabled_because__in=by_itself)
    if endpoint is None or endpoint.disabled_at is None:
        return False
    about = f"Webhooks to {endpoint.host} are switched off"
    _send(endpoint, about, "mails/endpoint_disabled.txt", endpoint.disabled_at)
    return True


def _endpoint(endpoint_id: str, **state: Any) -> Endpoint | None:
    """The endpoint, if it is still in this state and somebody can be told. Without its secrets."""
    told = Endpoint.objects.without_secrets().select_related("organization").exclude(organization__contact_email="")
    return told.defer("organization__logo").filter(pk=endpoint_id, **state).first()


def _send(endpoint: Endpoint, about: str, template: str, since: datetime) -> None:
    """Raises what the mail server, or the way to it, has against it.

    A mail that is sent twice has the same id, by which some mail servers know it.
    """
    host = urlsplit(settings.BASE_URL).hostname
    EmailMessage(
        subject=about,
        body=render_to_string(template, _words(endpoint)),
        to=[endpoint.organization.contact_email],
        headers={
            "Message-ID": f"<{endpoint.public_id}.{int(since.timestamp() * 1000)}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    ).send()


def _words(endpoint: Endpoint) -> dict[str, Any]:
    missed = Delivery.objects.filter(endpoint=endpoint, delivered_at=None, event__isnull=False).order_by("pk")
    first_missed = missed.values_list("created_at", flat=True).first()
    return {
        "workspace": _one_line(endpoint.organization.name),
        "endpoint": endpoint,
        "description": _one_line(endpoint.description),
        "last_answer": _last_answer(endpoint),
        "replay_since": _timestamp(first_missed) if first_missed else "",
        "api": settings.BASE_URL,
    }


def _last_answer(endpoint: Endpoint) -> str:
    failed = Attempt.objects.filter(endpoint=endpoint, outcome=Outcome.FAILED).order_by("-started_at")
    attempt = failed.first()
    if attempt is None:
        return ""
    return f"status {attempt.status_code}" if attempt.status_code else _one_line(attempt.problem)


def _one_line(text: str) -> str:
    """A mail's headers and its form are ours: what others wrote stays on its line, and is only what can be seen."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
