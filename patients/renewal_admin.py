"""The trail of a connection's access, on the connection's page."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from common.admin_html import badge, when
from patients.models import Renewal, RenewalOutcome

TONES = {
    RenewalOutcome.RENEWED: "success",
    RenewalOutcome.REJECTED: "danger",
    RenewalOutcome.REFUSED: "warning",
    RenewalOutcome.UNREACHABLE: "warning",
    RenewalOutcome.INTERRUPTED: "warning",
    RenewalOutcome.ENDED: "info",
}


class RenewalsInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Newest first, a page at a time. The words are the portal's own."""

    model = Renewal
    verbose_name_plural = "Renewals of the access"
    fields: ClassVar[list[str]] = ["result", "portal_code", "portal_description", "happened"]
    readonly_fields: ClassVar[list[str]] = fields
    ordering: ClassVar[list[str]] = ["-at", "-id"]
    can_delete = False
    extra = 0
    per_page = 20
    happened = when("at", "When")

    @admin.display(description="What happened")
    def result(self, renewal: Renewal) -> SafeString:
        return badge(TONES[RenewalOutcome(renewal.outcome)], renewal.get_outcome_display())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
