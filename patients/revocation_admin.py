"""Access that portals are still to take back, as staff see it. The tokens are never loaded here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from common.admin import ReadOnlyAdmin, ulid_in
from common.admin_filters import PeriodFilter
from common.admin_html import badge, when
from patients.models import Revocation
from sources.base_urls import is_source_id


@admin.register(Revocation)
class RevocationAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token", "organization__logo")
    list_display: ClassVar[list[Any]] = ["began", "state", "source", "organization", "attempts", "next", "last_error"]
    list_filter: ClassVar[list[Any]] = [
        ("source", AutocompleteSelectFilter),
        ("organization", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["source", "organization"]
    search_help_text = "The id of a revocation or of a source"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("id", "state"),
                    ("source", "organization"),
                    ("began", "attempts"),
                    ("next", "given_up"),
                    "last_error",
                ]
            },
        )
    ]
    began = when("created_at", "Since", ordering="pk")
    next = when("next_attempt_at", "Next attempt")
    given_up = when("given_up_at", "Given up")

    def matching(self, term: str) -> Q:
        if is_source_id(term.lower()):
            return Q(source_id=term.lower())
        return Q(pk=ulid_in(term) or "")

    @admin.display(description="State")
    def state(self, revocation: Revocation) -> SafeString:
        return badge("danger", "given up") if revocation.given_up_at else badge("info", "waits for the portal")
