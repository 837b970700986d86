"""Pulls, as staff see them. What they brought is health data, and has no pages here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from common.admin import ReadOnlyAdmin, ulid_in
from common.admin_filters import PeriodFilter
from common.admin_html import link, when
from patients.connection_admin import patients_called
from patients.models import Connection
from records.admin_pull_now import pull_now
from records.admin_words import status_badge, took
from records.models import Pull
from sources.base_urls import is_source_id

MAX_FOUND = 1000


@admin.register(Pull)
class PullAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = ("connection__access_token", "connection__refresh_token")
    list_display: ClassVar[list[Any]] = [
        "requested",
        "state",
        "patient",
        "source",
        "kind",
        "took",
        "received",
        "added",
        "changed",
        "faults",
        "connection_page",
    ]
    list_filter: ClassVar[list[Any]] = [
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("connection__source", AutocompleteSelectFilter),
        ("requested_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["connection__patient", "source"]
    sortable_by: ClassVar[list[str]] = ["requested"]
    search_help_text = "The id of a pull, connection, flow or source, the beginning of a patient id or email"
    change_form_outer_after_template = "admin/records/pull/story.html"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("state", "kind"),
                    ("patient", "source"),
                    "connection_page",
                    ("requested", "began"),
                    ("ended", "took"),
                    ("extent", "problem"),
                ]
            },
        ),
        ("Resources", {"fields": [("received", "added"), ("changed", "faults")]}),
    ]
    requested = when("requested_at", "Requested", ordering="pk")
    began = when("started_at", "Began")
    ended = when("ended_at", "Ended")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is not None:
            of_this = Q(pk=ulid) | Q(patient_id=ulid) | Q(flow_id=ulid)
            return Q(pk=ulid) | Q(connection_id__in=_connections(of_this))
        if is_source_id(term.lower()):
            return Q(source_id=term.lower())
        return Q(connection_id__in=_connections(Q(patient_id__in=patients_called(term))))

    @admin.display(description="Status")
    def state(self, pull: Pull) -> SafeString:
        return status_badge(pull)

    @admin.display(description="Patient")
    def patient(self, pull: Pull) -> SafeString:
        patient = pull.connection.patient
        return link(reverse("admin:patients_patient_change", args=[patient.pk]), patient)

    @admin.display(description="Connection")
    def connection_page(self, pull: Pull) -> SafeString:
        address = reverse("admin:patients_connection_change", args=[pull.connection_id])
        return link(address, f"conn_{pull.connection_id}")

    @admin.display(description="Took")
    def took(self, pull: Pull) -> SafeString:
        return took(pull, timezone.now())

    @admin.display(description="Asked for")
    def extent(self, pull: Pull) -> str:
        return "everything" if pull.is_whole else "what changed, where the portal can tell"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(pull_now)
        return [path("now/<str:connection_id>/", view, name="records_pull_now"), *super().get_urls()]


def _connections(wanted: Q) -> list[str]:
    """The ids of connections, looked up on their own: the list then reads pulls by an index, newest first."""
    return list(Connection.objects.filter(wanted).values_list("pk", flat=True)[:MAX_FOUND])
