"""The parts of staff pages that show what was sent to whom, each for staff who may see it."""

from typing import Any

from django import template
from django.template import RequestContext
from django.utils import timezone

from webhooks.admin_story import deliveries_of, story_of_delivery, story_of_endpoint
from webhooks.events import EventType
from webhooks.models import Delivery, Endpoint, Event

register = template.Library()


@register.inclusion_tag("admin/webhooks/endpoint/story.html", takes_context=True)
def story_of_webhook_endpoint(context: RequestContext, endpoint: Endpoint) -> dict[str, Any]:
    may = context["request"].user.has_perm
    sees_deliveries = may("webhooks.view_delivery")
    return {
        "story": story_of_endpoint(endpoint, timezone.now(), with_tries=sees_deliveries),
        "sees_deliveries": sees_deliveries,
        "may_change": may("webhooks.change_endpoint"),
        "types": list(EventType),
    }


@register.inclusion_tag("admin/webhooks/delivery/story.html", takes_context=True)
def story_of_webhook_delivery(context: RequestContext, delivery: Delivery) -> dict[str, Any]:
    return {
        "story": story_of_delivery(delivery, timezone.now()),
        "may_change": context["request"].user.has_perm("webhooks.change_delivery"),
    }


@register.inclusion_tag("admin/webhooks/event/deliveries.html", takes_context=True)
def deliveries_of_event(context: RequestContext, event: Event) -> dict[str, Any]:
    sees_deliveries = context["request"].user.has_perm("webhooks.view_delivery")
    return {"deliveries": deliveries_of(event, timezone.now()) if sees_deliveries else None}
