"""Connections, as staff see and end them. What a connection's tokens are is never loaded here."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from common.admin import ReadOnlyAdmin, ulid_in
from common.admin_filters import PeriodFilter
from common.admin_html import badge, joined, link, moment, when
from common.admin_log import CHANGE, log
from common.admin_rights import require_right
from common.errors import NotFound
from patients.failures import STAFF_WORDS
from patients.models import Connection, ConnectionStatus, Patient
from patients.operations import disconnect
from patients.renewal_admin import RenewalsInline
from sources.base_urls import is_source_id

MAX_FOUND = 100
NO_ACCESS = "Nothing was changed: this connection has no access that could be ended."
STATUS_TONES = {
    ConnectionStatus.ACTIVE: "success",
    ConnectionStatus.FAILED: "danger",
    ConnectionStatus.EXPIRED: "warning",
    ConnectionStatus.REFRESH_FAILED: "danger",
    ConnectionStatus.DISCONNECTED: "info",
}


def patients_called(term: str) -> list[str]:
    """The ids of at most a hundred patients whose reference or email begins so, in all workspaces.

    Asked for on its own: beside an order and a limit, PostgreSQL would rather walk through the whole table.
    """
    found = Patient.objects.filter(Q(reference__startswith=term) | Q(email__istartswith=term))
    return list(found.values_list("pk", flat=True)[:MAX_FOUND])


def connections_for_staff() -> QuerySet[Connection]:
    """Connections with facts about their tokens in place of the tokens."""
    return (
        Connection.objects.defer("access_token", "refresh_token")
        .annotate(
            has_access_token=Q(access_token__isnull=False),
            has_refresh_token=Q(refresh_token__isnull=False),
        )
        .select_related("patient", "source")
    )


def status_badge(connection: Connection) -> SafeString:
    return badge(STATUS_TONES[ConnectionStatus(connection.status)], connection.get_status_display())


def _while_active(connection: Connection, due_at: datetime | None) -> SafeString | str:
    """When something is done again: not at all once the access has ended, whatever the row still says."""
    return moment(due_at if connection.status == ConnectionStatus.ACTIVE else None)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_select_related: ClassVar[list[str]] = ["patient", "source"]
    list_display: ClassVar[list[Any]] = ["public_id", "patient", "source", "state", "failure", "created"]
    list_filter: ClassVar[list[Any]] = [
        ("status", ChoicesDropdownFilter),
        ("failure_code", ChoicesDropdownFilter),
        ("source", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    sortable_by: ClassVar[list[str]] = ["created"]
    change_form_outer_after_template = "admin/patients/connection/after.html"
    inlines: ClassVar[list[Any]] = [RenewalsInline]
    search_help_text = "conn_… or a flow's id, a source's id, the beginning of a patient id or email"
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["public_id", ("state", "failure"), ("patient", "source"), "flow_page"]}),
        (
            "Access",
            {
                "fields": [
                    ("access", "refresh"),
                    ("access_expires", "consent_expires"),
                    ("next_renewal", "lasts"),
                    ("connected", "failed"),
                    ("fhir_patient_id", "scopes_granted"),
                    ("created", "updated"),
                ]
            },
        ),
        ("Records", {"fields": [("synced", "records_count"), "next_pull"]}),
    ]
    created = when("created_at", "Created", ordering="pk")
    updated = when("updated_at", "Updated")
    access_expires = when("access_expires_at", "Access until")
    consent_expires = when("consent_expires_at", "Consent until")
    synced = when("last_synced_at", "Last synced")
    connected = when("connected_at", "Patient last signed in")
    failed = when("failure_at", "Failed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return connections_for_staff()

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is not None:
            return Q(pk=ulid) | Q(flow_id=ulid) | Q(patient_id=ulid)
        if is_source_id(term.lower()):
            return Q(source_id=term.lower())
        return Q(patient_id__in=patients_called(term))

    @admin.display(description="Connection")
    def public_id(self, connection: Connection) -> str:
        return f"conn_{connection.pk}"

    @admin.display(description="Status")
    def state(self, connection: Connection) -> SafeString:
        return status_badge(connection)

    @admin.display(description="What went wrong")
    def failure(self, connection: Connection) -> str:
        return STAFF_WORDS.get(connection.failure_code or "", connection.failure_code or "–")

    @admin.display(description="Flow that made or renewed it")
    def flow_page(self, connection: Connection) -> SafeString:
        return link(reverse("admin:flows_patientflow_change", args=[connection.flow_id]), connection.flow_id)

    @admin.display(description="Has access token", boolean=True)
    def access(self, connection: Model) -> bool:
        return bool(getattr(connection, "has_access_token", False))

    @admin.display(description="Has refresh token", boolean=True)
    def refresh(self, connection: Model) -> bool:
        return bool(getattr(connection, "has_refresh_token", False))

    @admin.display(description="How long it lasts")
    def lasts(self, connection: Connection) -> str:
        if connection.status != ConnectionStatus.ACTIVE:
            return "–"
        if self.refresh(connection):
            return "It is renewed until the patient or the portal ends it."
        return "One time only: the portal gave no refresh token, so it ends with the access token."

    @admin.display(description="Renewed at the latest")
    def next_renewal(self, connection: Connection) -> SafeString | str:
        return _while_active(connection, connection.refresh_due_at)

    @admin.display(description="Pulled again by itself")
    def next_pull(self, connection: Connection) -> SafeString | str:
        return _while_active(connection, connection.pull_due_at)

    @admin.display(description="Scopes granted")
    def scopes_granted(self, connection: Connection) -> str:
        return joined(connection.scopes)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.disconnect_view)
        return [path("<path:object_id>/disconnect/", view, name="patients_connection_disconnect"), *super().get_urls()]

    def disconnect_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first; the answer ends the access. For staff who may change connections."""
        require_right(request, "patients.change_connection")
        connection = get_object_or_404(connections_for_staff(), pk=object_id)
        page = HttpResponseRedirect(reverse("admin:patients_connection_change", args=[connection.pk]))
        if request.method != "POST":
            if not connection.can_be_disconnected:
                self.message_user(request, NO_ACCESS, messages.WARNING)
                return page
            context = self.admin_site.each_context(request) | {"title": "Disconnect", "opts": self.opts}
            return TemplateResponse(
                request, "admin/patients/connection/disconnect.html", context | {"connection": connection}
            )
        try:
            disconnect(patient=connection.patient, connection_id=connection.pk, now=timezone.now())
        except NotFound as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            log(request, connection, CHANGE, name=f"conn_{connection.pk}", message="Disconnected.")
            self.message_user(request, "Disconnected. The portal is told in the background.")
        return page
