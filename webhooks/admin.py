"""Events, as staff see them. Endpoints and deliveries have their pages in the modules beside this one."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from common.admin import ReadOnlyAdmin, ulid_in
from common.admin_filters import PeriodFilter
from common.admin_html import link, when
from webhooks.admin_deliveries import DeliveryAdmin
from webhooks.admin_endpoints import EndpointAdmin
from webhooks.models import Event

# Django looks for the pages of all models here.
__all__ = ["DeliveryAdmin", "EndpointAdmin", "EventAdmin"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    # The link of a flow is for its patient only, also when it is closed.
    never_loaded: ClassVar[tuple[str, ...]] = ("organization__logo", "link")
    list_display: ClassVar[list[Any]] = ["public_id", "type", "organization", "created"]
    list_filter: ClassVar[list[Any]] = [
        ("type", ChoicesDropdownFilter),
        ("organization", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["organization"]
    search_help_text = "evt_…, or our own id of a patient"
    change_form_outer_after_template = "admin/webhooks/event/after.html"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {"fields": [("public_id", "type"), ("organization", "patient"), ("created", "api_version"), "told"]},
        )
    ]
    created = when("created_at", "When")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term) or ""
        return Q(pk=ulid) | Q(patient_id=ulid)

    @admin.display(description="Event")
    def public_id(self, event: Event) -> str:
        return event.public_id

    @admin.display(description="Patient")
    def patient(self, event: Event) -> SafeString | str:
        if event.patient_id is None:
            return "–"
        return link(reverse("admin:patients_patient_change", args=[event.patient_id]), event.patient_id)

    @admin.display(description="What is told")
    def told(self, event: Event) -> SafeString:
        return format_html('<pre class="staff-json">{}</pre>', json.dumps(event.object, indent=2, ensure_ascii=False))
