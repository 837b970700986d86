"""What a portal has to remember of a user between requests, so that all processes behave alike."""

from datetime import datetime

from django.conf import settings
from django.db import models, transaction
from django.db.models import F


class HistoryManager(models.Manager["History"]):
    def note_permission(self, account_id: int, now: datetime) -> None:
        """The user has just let an app in."""
        first = {"account_id": account_id, "first_allowed_at": now, "last_allowed_at": now}
        self.update_or_create(account_id=account_id, defaults={"last_allowed_at": now}, create_defaults=first)

    def of(self, account_id: int, now: datetime) -> "History":
        """The account's history. Whose app was let in before histories were kept has one that begins now."""
        defaults = {"first_allowed_at": now, "last_allowed_at": now}
        return self.get_or_create(account_id=account_id, defaults=defaults)[0]

    def count_request(self, account_id: int) -> int:
        """Which request for this account's records this is, from 1. No two are the same, in any process."""
        own = self.filter(account_id=account_id)
        with transaction.atomic():  # the row stays locked until the number is read
            own.update(requests=F("requests") + 1)
            return own.get().requests


class History(models.Model):
    """When one of a portal's users let apps in, and how often apps have asked since.

    Kept up only for those whom the portal treats by it.
    """

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="sandbox_history"
    )
    first_allowed_at = models.DateTimeField()
    last_allowed_at = models.DateTimeField()
    requests = models.PositiveIntegerField(default=0)

    objects = HistoryManager()
