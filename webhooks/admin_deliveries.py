"""Events on their way to endpoints, as staff see them and send them again."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter

from common.admin import ReadOnlyAdmin, ulid_in
from common.admin_filters import PeriodFilter
from common.admin_html import link, when
from webhooks import admin_acts
from webhooks.admin_words import delivery_badge
from webhooks.models import Delivery, Endpoint

MAX_FOUND = 100


class ProgressFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    """Partial indexes know what is not delivered."""

    title = "progress"
    parameter_name = "progress"
    rows: ClassVar[dict[str, Q]] = {
        "delivered": Q(delivered_at__isnull=False),
        "waiting": Q(next_attempt_at__isnull=False) | Q(claimed_until__isnull=False),
        "held": Q(delivered_at=None, next_attempt_at=None, claimed_until=None),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("delivered", "Delivered"), ("waiting", "On its way"), ("held", "Held")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        wanted = self.rows.get(self.value() or "")
        return queryset.filter(wanted) if wanted is not None else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    # Bodies may have a flow's link in them: only the page of one reads its own, and hides that.
    never_loaded: ClassVar[tuple[str, ...]] = (
        "body",
        "last_response_body",
        "endpoint__secret",
        "endpoint__previous_secret",
    )
    list_display: ClassVar[list[Any]] = [
        "public_id",
        "type",
        "endpoint_page",
        "state",
        "attempts",
        "next",
        "created",
    ]
    list_filter: ClassVar[list[Any]] = [
        ("endpoint", AutocompleteSelectFilter),
        ProgressFilter,
        ("type", ChoicesDropdownFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["endpoint"]
    search_help_text = "evt_… as an app has it or as it is in the feed, or wh_…"
    change_form_outer_after_template = "admin/webhooks/delivery/after.html"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("public_id", "type"),
                    ("endpoint_page", "fact"),
                    ("state", "attempts"),
                    ("last_status_code", "next"),
                    ("delivered", "redelivered"),
                    "created",
                ]
            },
        )
    ]
    created = when("created_at", "When it happened", ordering="pk")
    next = when("next_attempt_at", "Next attempt")
    delivered = when("delivered_at", "Delivered")
    redelivered = when("last_redelivered_at", "Last sent again by hand")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is None:
            return Q(pk__in=[])
        if Endpoint.objects.filter(pk=ulid).exists():
            return Q(endpoint_id=ulid)
        # Looked up on their own: beside an order and a limit, PostgreSQL would rather walk through the whole table.
        found = Delivery.objects.filter(Q(pk=ulid) | Q(event_id=ulid))
        return Q(pk__in=list(found.values_list("pk", flat=True)[:MAX_FOUND]))

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(admin_acts.send_again)
        return [path("<str:delivery_id>/again/", again, name="webhooks_delivery_again"), *super().get_urls()]

    @admin.display(description="Event")
    def public_id(self, delivery: Delivery) -> str:
        return delivery.public_id

    @admin.display(description="Endpoint")
    def endpoint_page(self, delivery: Delivery) -> SafeString:
        address = reverse("admin:webhooks_endpoint_change", args=[delivery.endpoint_id])
        return link(address, delivery.endpoint.label)

    @admin.display(description="In the feed")
    def fact(self, delivery: Delivery) -> SafeString | str:
        if delivery.event_id is None:
            return "Not there: it was a test."
        return link(reverse("admin:webhooks_event_change", args=[delivery.event_id]), f"evt_{delivery.event_id}")

    @admin.display(description="Progress")
    def state(self, delivery: Delivery) -> SafeString:
        return delivery_badge(delivery, timezone.now())
