"""What staff can do about endpoints and deliveries: buttons, each a POST and a line in the admin's log."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from common.admin_acts import pressed_on
from common.admin_log import CHANGE, log
from common.admin_rights import require_right
from common.errors import InvalidRequest, ProductError
from webhooks.events import EventType
from webhooks.forgetting import KEPT
from webhooks.models import Delivery, Disabled, Endpoint
from webhooks.redelivery import redeliver, replay, send_test
from webhooks.switching import disable, revive

DISABLED = "Disabled. What happens from now on is held."
REVIVED = "Revived. It is sent what happens from now on. What was held stays held until it is replayed."
NOT_CHANGED = "Nothing was changed: it is so already."
TESTED = "A test event is on its way. Its attempt is below as soon as it is made."
AGAIN = "It is sent again. The attempt is below as soon as it is made."
UNKNOWN_TYPE = "There is no such type of event."
ON_ENDPOINT = pressed_on("admin:webhooks_endpoint_change")


@require_http_methods(["GET", "HEAD", "POST"])
def disable_endpoint(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Asks first; the answer switches the endpoint off."""
    endpoint = _endpoint(request, endpoint_id)
    if request.method == "POST":
        return _act(request, endpoint, "Disabled.", lambda now: _disabled(endpoint, now))
    context = admin.site.each_context(request) | {"title": "Disable", "opts": Endpoint._meta}
    named = {"endpoint": endpoint, "host": endpoint.host}
    return TemplateResponse(request, "admin/webhooks/endpoint/disable.html", context | named)


@ON_ENDPOINT
def revive_endpoint(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = _endpoint(request, endpoint_id)
    return _act(request, endpoint, "Revived.", lambda now: REVIVED if revive(endpoint.pk, now) else None)


@ON_ENDPOINT
def replay_held(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Send all that was not delivered, as far back as events are kept."""
    endpoint = _endpoint(request, endpoint_id)
    return _act(request, endpoint, "Replayed what was not delivered.", lambda now: _replayed(endpoint, now))


@ON_ENDPOINT
def test_endpoint(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint, wanted = _endpoint(request, endpoint_id), request.POST.get("type", "")
    return _act(request, endpoint, "Sent a test event.", lambda now: _tested(endpoint, wanted, now))


@pressed_on("admin:webhooks_delivery_change")
def send_again(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """For staff who may change deliveries."""
    require_right(request, "webhooks.change_delivery")
    delivery = get_object_or_404(Delivery.objects.defer("body", "last_response_body"), pk=delivery_id)
    return _act(request, delivery, "Sent again.", lambda now: _sent_again(delivery, now))


OF_ENDPOINTS: dict[str, Callable[..., HttpResponse]] = {
    "disable": disable_endpoint,
    "revive": revive_endpoint,
    "replay": replay_held,
    "test": test_endpoint,
}


def _endpoint(request: HttpRequest, endpoint_id: str) -> Endpoint:
    """For staff who may change endpoints. Without its secrets, with which nothing is done here."""
    require_right(request, "webhooks.change_endpoint")
    return get_object_or_404(Endpoint.objects.without_secrets(), pk=endpoint_id)


def _act(
    request: HttpRequest, row: Endpoint | Delivery, noted: str, act: Callable[[datetime], str | None]
) -> HttpResponse:
    """Do it, note it in the log in the same transaction, and go back to the page of the row, which says what came."""
    try:
        with transaction.atomic():
            done = act(timezone.now())
            if done:
                log(request, row, CHANGE, name=row.public_id, message=noted)
    except ProductError as error:
        messages.error(request, error.message)
    else:
        messages.add_message(request, messages.SUCCESS if done else messages.WARNING, done or NOT_CHANGED)
    return HttpResponseRedirect(_page_of(row))


def _page_of(row: Model) -> str:
    return reverse(f"admin:webhooks_{row._meta.model_name}_change", args=[row.pk])


def _disabled(endpoint: Endpoint, now: datetime) -> str | None:
    return DISABLED if disable(endpoint.pk, Disabled.ASKED, now) else None


def _replayed(endpoint: Endpoint, now: datetime) -> str:
    count = replay(endpoint, since=now - KEPT, until=now, include_delivered=False, now=now)
    return f"{count} events are sent again, some each second." if count != 1 else "One event is sent again."


def _tested(endpoint: Endpoint, wanted: str, now: datetime) -> str:
    if wanted not in set(EventType):
        raise InvalidRequest(UNKNOWN_TYPE)
    send_test(endpoint, wanted, now)
    return TESTED


def _sent_again(delivery: Delivery, now: datetime) -> str:
    redeliver(delivery, now)
    return AGAIN
