"""Places that patients asked for, as staff work through them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from common.admin import ReadOnlyAdmin, ulid_in, words_in
from common.admin_filters import PeriodFilter
from common.admin_html import badge, link, when
from flows.models import RequestStatus, SourceRequest
from sources.base_urls import is_source_id

TONES = {RequestStatus.NEW: "info", RequestStatus.ADDED: "success", RequestStatus.DECLINED: "neutral"}


@admin.register(SourceRequest)
class SourceRequestAdmin(ReadOnlyAdmin):
    """What patients typed cannot be changed; whether it was dealt with can."""

    never_loaded: ClassVar[tuple[str, ...]] = ("flow__link_digest", "organization__logo")
    list_display: ClassVar[list[Any]] = [
        "asked_for",
        "state",
        "place",
        "portal_address",
        "known_source",
        "organization",
        "asked",
    ]
    list_filter: ClassVar[list[Any]] = [
        ("status", ChoicesDropdownFilter),
        ("organization", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["flow", "organization", "source"]
    search_help_text = "Words of the name, a flow's id, or a source's id"
    actions: ClassVar[list[str]] = ["mark_added", "mark_declined", "mark_new"]
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("asked_for", "state"),
                    ("place", "portal_address"),
                    ("query", "known_source"),
                    ("flow_page", "organization"),
                    "asked",
                ]
            },
        )
    ]
    asked = when("created_at", "Asked", ordering="pk")

    def matching(self, term: str) -> Q:
        if ulid := ulid_in(term):
            return Q(pk=ulid) | Q(flow_id=ulid)
        if is_source_id(term.lower()):
            return Q(source_id=term.lower())
        return words_in(term, "name")

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("flows.change_sourcerequest"))

    @admin.action(description="Mark as added", permissions=["answer"])
    def mark_added(self, request: HttpRequest, queryset: QuerySet[SourceRequest]) -> None:
        self._mark(request, queryset, RequestStatus.ADDED)

    @admin.action(description="Mark as declined", permissions=["answer"])
    def mark_declined(self, request: HttpRequest, queryset: QuerySet[SourceRequest]) -> None:
        self._mark(request, queryset, RequestStatus.DECLINED)

    @admin.action(description="Mark as new again", permissions=["answer"])
    def mark_new(self, request: HttpRequest, queryset: QuerySet[SourceRequest]) -> None:
        self._mark(request, queryset, RequestStatus.NEW)

    def _mark(self, request: HttpRequest, queryset: QuerySet[SourceRequest], status: RequestStatus) -> None:
        others = list(queryset.exclude(status=status))
        for row in others:
            self.log_change(request, row, f"Marked as {status.value}.")
        SourceRequest.objects.filter(pk__in=[row.pk for row in others]).update(status=status)
        number = len(others)
        self.message_user(request, f"{number} {'was' if number == 1 else 'were'} marked as {status.value}.")

    @admin.display(description="Asked for")
    def asked_for(self, row: SourceRequest) -> str:
        return row.name

    @admin.display(description="Status")
    def state(self, row: SourceRequest) -> SafeString:
        return badge(TONES[RequestStatus(row.status)], RequestStatus(row.status).label)

    @admin.display(description="Known source")
    def known_source(self, row: SourceRequest) -> SafeString | str:
        if row.source is None:
            return "–"
        return link(reverse("admin:sources_source_change", args=[row.source.pk]), row.source)

    @admin.display(description="Flow")
    def flow_page(self, row: SourceRequest) -> SafeString:
        return link(reverse("admin:flows_patientflow_change", args=[row.flow_id]), row.flow.public_id)
