"""Patients, as staff see and erase them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from common.admin import ReadOnlyAdmin, ulid_in
from common.admin_filters import PeriodFilter
from common.admin_html import when
from common.admin_log import DELETION, log
from patients.connection_admin import ConnectionAdmin, connections_for_staff, patients_called, status_badge
from patients.erasure import erase_patient
from patients.failures import STAFF_WORDS
from patients.models import Patient
from patients.revocation_admin import RevocationAdmin

# Django looks for the pages of all models here.
__all__ = ["ConnectionAdmin", "PatientAdmin", "RevocationAdmin", "patients_called"]

SHOWN_CONNECTIONS = 50
ERASES = (
    "All flows with their sign-ins and trails, all connections with their tokens, all records and pulls, and the "
    "patient. For good."
)


@admin.register(Patient)
class PatientAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = ("organization__logo",)
    list_display: ClassVar[list[Any]] = ["reference", "name", "email", "organization", "created"]
    list_filter: ClassVar[list[Any]] = [("organization", AutocompleteSelectFilter), ("created_at", PeriodFilter)]
    list_select_related: ClassVar[list[str]] = ["organization"]
    sortable_by: ClassVar[list[str]] = ["created"]
    search_help_text = "The beginning of the app's patient id or of the email, or our own id"
    change_form_outer_after_template = "admin/patients/patient/journey.html"
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": [("reference", "organization"), ("name", "email"), ("created", "updated"), "metadata"]})
    ]
    created = when("created_at", "Created", ordering="pk")
    updated = when("updated_at", "Updated")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        return Q(pk__in=[*patients_called(term), *([ulid] if ulid else [])])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        newest = connections_for_staff().filter(patient_id=object_id).order_by("-created_at", "-id")
        shown = [
            {"row": row, "status": status_badge(row), "failure": STAFF_WORDS.get(row.failure_code or "", "")}
            for row in newest[:SHOWN_CONNECTIONS]
        ]
        response: HttpResponse = super().change_view(request, object_id, form_url, {"connections": shown})
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """One at a time, and by the right that Django has for it."""
        return obj is not None and request.user.has_perm("patients.delete_patient")

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the page that asks first says goes along: in words, since it may be any number of rows."""
        return [*(str(patient) for patient in objs), ERASES], {"patient": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Patient) -> None:
        """The same as the API's: the access is taken back at the portals too."""
        erase_patient(organization=obj.organization, reference=obj.reference, now=timezone.now())

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: str) -> HttpResponse:
        """Back to the list, where Django leads only those who may change its rows."""
        super().response_delete(request, obj_display, obj_id)
        return HttpResponseRedirect(reverse("admin:patients_patient_changelist"))

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Patient]) -> None:
        """Who erased somebody and when; not whom."""
        for patient in queryset:
            log(request, patient, DELETION, name="a patient")
