"""The parts of staff pages that show pulls. Templates of apps that know nothing of pulls use them too.

That is how pulls get onto the page of a connection: its template names the tag, and no module below imports this one.
"""

from typing import Any

from django import template
from django.db.models import Count
from django.template import RequestContext
from django.utils import timezone

from patients.models import Connection, ConnectionStatus
from records.admin_story import story_of
from records.admin_words import status_badge, took
from records.models import Pull, Record

register = template.Library()

SHOWN_PULLS = 10


@register.inclusion_tag("admin/records/story.html")
def story_of_pull(pull: Pull) -> dict[str, Any]:
    return {"story": story_of(pull, timezone.now())}


@register.inclusion_tag("admin/records/pulls_of_connection.html", takes_context=True)
def pulls_of_connection(context: RequestContext, connection: Connection) -> dict[str, Any]:
    """What came when, and the button that asks for more, each for staff who may."""
    user = context["request"].user
    is_active = connection.status == ConnectionStatus.ACTIVE
    return {
        "connection": connection,
        "may_pull": is_active and user.has_perm("patients.change_connection"),
        "pulls": _newest(connection) if user.has_perm("records.view_pull") else None,
        "types": _count_by_type(connection) if user.has_perm("records.view_pull") else [],
    }


def _newest(connection: Connection) -> list[dict[str, Any]]:
    now = timezone.now()
    pulls = connection.pulls.order_by("-pk")[:SHOWN_PULLS]
    return [{"row": pull, "status": status_badge(pull), "took": took(pull, now)} for pull in pulls]


def _count_by_type(connection: Connection) -> list[tuple[str, int]]:
    """How many resources of each type the connection brought. Staff see numbers only: what is in them is not theirs."""
    counted = Record.objects.filter(connection=connection).values("resource_type").annotate(count=Count("pk"))
    return list(counted.order_by("-count", "resource_type").values_list("resource_type", "count"))
