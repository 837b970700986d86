"""What patients looked for and did not find."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from common.ids import new_ulid
from flows.models.flow import PatientFlow
from organizations.models import Organization
from sources.models import Source

MAX_NAME, MAX_PLACE, MAX_ADDRESS, MAX_QUERY = 200, 200, 500, 200


class RequestStatus(models.TextChoices):
    NEW = "new"
    ADDED = "added"
    DECLINED = "declined"


class SourceRequest(models.Model):
    """A patient's wish for a place that the search did not have, or where nobody can sign in yet.

    All of it is what a stranger typed: text to read, never an address to follow unseen.
    """

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    flow = models.ForeignKey(PatientFlow, on_delete=models.CASCADE, related_name="source_requests")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="source_requests")
    name = models.CharField(max_length=MAX_NAME)
    place = models.CharField(max_length=MAX_PLACE, blank=True, help_text="Town, state or ZIP code.")
    portal_address = models.CharField(max_length=MAX_ADDRESS, blank=True)
    query = models.CharField(max_length=MAX_QUERY, blank=True, help_text="What the patient had searched for.")
    source = models.ForeignKey(
        Source,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="requests",
        help_text="Set: it was found, but nobody can sign in there yet.",
    )
    status = models.CharField(max_length=10, choices=RequestStatus, default=RequestStatus.NEW)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "place asked for"
        verbose_name_plural = "places asked for"
        constraints = [
            models.UniqueConstraint(
                "flow",
                Lower("name"),
                Lower("place"),
                Lower("portal_address"),
                name="flows_source_request_once_in_a_flow",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="flows_source_request_has_a_name"),
            models.CheckConstraint(
                condition=Q(status__in=RequestStatus.values), name="flows_source_request_status_known"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="flows_source_request_newest"),
            # Staff work through the new ones; the others only grow in number.
            models.Index(fields=["-id"], condition=Q(status="new"), name="flows_source_request_new"),
        ]

    def __str__(self) -> str:
        return self.name
