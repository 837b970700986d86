"""What staff did, in the admin's own log. That log outlives its rows, so it names no patient and no secret."""

from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

__all__ = ["CHANGE", "DELETION", "log"]


def log(request: HttpRequest, row: Model, flag: int, *, name: str, message: str = "") -> None:
    """Note what the signed-in member of staff did with `row`, under a name that may be kept for ever."""
    user: Any = request.user
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(type(row)),
        object_id=row.pk,
        object_repr=name,
        action_flag=flag,
        change_message=message,
    )
