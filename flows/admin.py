"""Flows, sign-ins and their events, as staff see them. Links and digests are never loaded here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter

from common.admin import ReadOnlyAdmin, request_id_in, ulid_in
from common.admin_filters import PeriodFilter, SignInPeriodFilter
from common.admin_html import badge, joined, link, when
from flows.models import Authorization, AuthorizationEvent, FlowStatus, Outcome, PatientFlow
from flows.sign_in_trail import NEVER_LOADED, NOT_FAILED, flow_badge, outcome_in_words, outcome_tone
from flows.source_request_admin import SourceRequestAdmin
from patients.admin import patients_called
from sources.base_urls import is_source_id

MAX_FOUND = 1000

# Django looks for a model's pages in this module; those of this one are in a module of their own.
__all__ = ["AuthorizationAdmin", "AuthorizationEventAdmin", "PatientFlowAdmin", "SourceRequestAdmin"]


class StatusFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    """The status as of now: a lapsed flow is expired before any sweep touched it."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in FlowStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PatientFlow]) -> QuerySet[PatientFlow]:
        lapsed = Q(status=FlowStatus.OPEN, expires_at__lte=timezone.now())
        if self.value() == FlowStatus.OPEN:
            return queryset.filter(status=FlowStatus.OPEN).exclude(lapsed)
        if self.value() == FlowStatus.EXPIRED:
            return queryset.filter(Q(status=FlowStatus.EXPIRED) | lapsed)
        if self.value() == FlowStatus.COMPLETE:
            return queryset.filter(status=FlowStatus.COMPLETE)
        return queryset


class FailedFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    """Sign-ins that came to a bad end, whatever the reason."""

    title = "failure, whatever the reason"
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Authorization]) -> QuerySet[Authorization]:
        return queryset.exclude(outcome__in=NOT_FAILED) if self.value() == "yes" else queryset


@admin.register(PatientFlow)
class PatientFlowAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = ("link_digest", "organization__logo")
    list_display: ClassVar[list[Any]] = ["public_id", "patient", "organization", "mode", "state", "created", "expires"]
    list_filter: ClassVar[list[Any]] = [
        StatusFilter,
        ("organization", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["patient", "organization", "source"]
    sortable_by: ClassVar[list[str]] = ["created"]
    search_help_text = "pf_…, sess_… or ps_…, a request id, the beginning of a patient id or email"
    change_form_outer_after_template = "admin/flows/patientflow/trail.html"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    "public_id",
                    ("state", "organization"),
                    ("patient", "mode"),
                    "recommended",
                    ("created", "expires"),
                    ("completed", "return_button_label"),
                    "return_url",
                    "metadata",
                ]
            },
        )
    ]
    created = when("created_at", "Created", ordering="pk")
    expires = when("expires_at", "Link open until")
    completed = when("completed_at", "Completed")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is not None:
            return Q(pk=ulid) | Q(patient_id=ulid)
        if request_id := request_id_in(term):
            return Q(pk__in=_events_of(request_id).values("authorization__flow_id"))
        return Q(patient_id__in=patients_called(term))

    @admin.display(description="Flow")
    def public_id(self, flow: PatientFlow) -> str:
        return flow.public_id

    @admin.display(description="Goes to")
    def mode(self, flow: PatientFlow) -> str:
        return str(flow.source) if flow.source else "the patient's choice"

    @admin.display(description="Status")
    def state(self, flow: PatientFlow) -> SafeString:
        return flow_badge(flow)

    @admin.display(description="Recommended sources")
    def recommended(self, flow: PatientFlow) -> str:
        return joined(flow.recommended_source_ids)


@admin.register(Authorization)
class AuthorizationAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = NEVER_LOADED
    list_display: ClassVar[list[Any]] = ["began", "patient", "source", "result", "in_words", "flow_page"]
    list_filter: ClassVar[list[Any]] = [
        ("outcome", ChoicesDropdownFilter),
        FailedFilter,
        ("source", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["flow__patient", "source"]
    sortable_by: ClassVar[list[str]] = ["began"]
    search_help_text = (
        "A request id, a flow's or connection's id, a source's id, the beginning of a patient id or email"
    )
    change_form_outer_after_template = "admin/flows/authorization/trail.html"
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": [("patient", "source"), ("result", "in_words"), "flow_page", "connection_page"]}),
        ("Times", {"fields": [("began", "good_until"), ("returned", "ended")]}),
        (
            "Portal",
            {
                "classes": ["collapse"],
                "fields": [("issuer", "expects_iss"), ("token_endpoint", "registration"), "scopes_asked"],
            },
        ),
    ]
    began = when("created_at", "Began", ordering="pk")
    good_until = when("expires_at", "Good until")
    returned = when("redeemed_at", "Came back")
    ended = when("finished_at", "Ended")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is not None:
            return Q(pk=ulid) | Q(flow_id=ulid) | Q(connection_id=ulid)
        if request_id := request_id_in(term):
            return Q(pk__in=_events_of(request_id).values("authorization_id"))
        if is_source_id(term.lower()):
            return Q(source_id=term.lower())
        return Q(flow_id__in=_flows_of(patients_called(term)))

    @admin.display(description="Patient")
    def patient(self, authorization: Authorization) -> SafeString:
        patient = authorization.flow.patient
        return link(reverse("admin:patients_patient_change", args=[patient.pk]), patient)

    @admin.display(description="Outcome")
    def result(self, authorization: Authorization) -> SafeString:
        return badge(outcome_tone(authorization.outcome), Outcome(authorization.outcome).label)

    @admin.display(description="In words")
    def in_words(self, authorization: Authorization) -> str:
        return outcome_in_words(authorization.outcome)

    @admin.display(description="Flow")
    def flow_page(self, authorization: Authorization) -> SafeString:
        flow = authorization.flow
        return link(reverse("admin:flows_patientflow_change", args=[flow.pk]), flow.public_id)

    @admin.display(description="Connection")
    def connection_page(self, authorization: Authorization) -> SafeString | str:
        if authorization.connection_id is None:
            return "–"
        address = reverse("admin:patients_connection_change", args=[authorization.connection_id])
        return link(address, f"conn_{authorization.connection_id}")

    @admin.display(description="Scopes asked for")
    def scopes_asked(self, authorization: Authorization) -> str:
        return joined(authorization.asked_scopes)


@admin.register(AuthorizationEvent)
class AuthorizationEventAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = tuple(f"authorization__{field}" for field in NEVER_LOADED)
    list_display: ClassVar[list[Any]] = [
        "happened",
        "kind",
        "sign_in",
        "code",
        "portal_code",
        "portal_description",
        "request_id",
    ]
    list_filter: ClassVar[list[Any]] = [("kind", ChoicesDropdownFilter), ("at", SignInPeriodFilter)]
    list_select_related: ClassVar[list[str]] = ["authorization__source"]
    search_help_text = "A request id, or the id of a sign-in or flow"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("happened", "kind"),
                    ("sign_in", "request_id"),
                    ("code", "portal_code"),
                    "portal_description",
                ]
            },
        )
    ]
    happened = when("at", "When")

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is not None:
            of_flow = Authorization.objects.filter(flow_id=ulid).values_list("pk", flat=True)
            return Q(authorization_id__in=[ulid, *of_flow[:MAX_FOUND]])
        return Q(request_id=request_id_in(term) or "-")

    @admin.display(description="Sign-in")
    def sign_in(self, event: AuthorizationEvent) -> SafeString:
        address = reverse("admin:flows_authorization_change", args=[event.authorization_id])
        return link(address, event.authorization.source)


def _events_of(request_id: str) -> QuerySet[AuthorizationEvent]:
    return AuthorizationEvent.objects.filter(request_id=request_id)


def _flows_of(patients: list[str]) -> list[str]:
    return list(PatientFlow.objects.filter(patient_id__in=patients).values_list("pk", flat=True)[:MAX_FOUND])
