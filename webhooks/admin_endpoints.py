"""Endpoints, as staff see them and switch them off and on. Their secrets are never loaded here."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.views import ChangeList as UnfoldChangeList

from common.admin import ReadOnlyAdmin, ulid_in, words_in
from common.admin_filters import PeriodFilter
from common.admin_html import joined, when
from webhooks import admin_acts
from webhooks.admin_health import Health, health_of, up_to
from webhooks.admin_words import endpoint_badge
from webhooks.models import Disabled, Endpoint, EndpointStatus


class StateFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    title = "state"
    parameter_name = "state"
    rows: ClassVar[dict[str, Q]] = {
        "active": Q(status=EndpointStatus.ACTIVE, failing_since=None),
        "failing": Q(status=EndpointStatus.ACTIVE, failing_since__isnull=False),
        "given_up": Q(status=EndpointStatus.DISABLED, disabled_because__in=[Disabled.FAILED, Disabled.GONE]),
        "switched_off": Q(status=EndpointStatus.DISABLED, disabled_because=Disabled.ASKED),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("active", "Active"),
            ("failing", "Failing"),
            ("given_up", "Disabled by failures"),
            ("switched_off", "Disabled by somebody"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
        wanted = self.rows.get(self.value() or "")
        return queryset.filter(wanted) if wanted is not None else queryset


class EndpointList(UnfoldChangeList):  # type: ignore[misc]  # unfold has no types
    """A page of the list, with how each of its endpoints does, found by one query for all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        health = health_of([endpoint.pk for endpoint in self.result_list], timezone.now())
        for endpoint in self.result_list:
            endpoint.health = health.get(endpoint.pk, Health())


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    never_loaded: ClassVar[tuple[str, ...]] = ("secret", "previous_secret", "organization__logo")
    list_display: ClassVar[list[Any]] = [
        "host",
        "state",
        "success",
        "failing",
        "waiting",
        "held",
        "organization",
        "description",
    ]
    list_filter: ClassVar[list[Any]] = [
        StateFilter,
        ("organization", AutocompleteSelectFilter),
        ("created_at", PeriodFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["organization"]
    search_help_text = "wh_…, a workspace's id, or words of the address or the description"
    change_form_outer_after_template = "admin/webhooks/endpoint/after.html"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("public_id", "state"),
                    ("organization", "contact"),
                    "address",
                    "description",
                    "wants",
                    "api_version",
                    "own_metadata",
                    ("created", "updated"),
                ]
            },
        ),
        ("Failing", {"fields": [("failing", "told"), ("disabled", "reason")]}),
    ]
    created = when("created_at", "Created", ordering="pk")
    updated = when("updated_at", "Updated")
    failing = when("failing_since", "Failing since")
    told = when("told_of_failing_at", "Told of failing for a day")
    disabled = when("disabled_at", "Disabled")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EndpointList

    def matching(self, term: str) -> Q:
        ulid = ulid_in(term)
        if ulid is not None:
            return Q(pk=ulid) | Q(organization_id=ulid)
        return words_in(term, "url") | words_in(term, "description")

    def get_urls(self) -> list[URLPattern]:
        acts = [
            path(f"<str:endpoint_id>/{name}/", self.admin_site.admin_view(view), name=f"webhooks_endpoint_{name}")
            for name, view in admin_acts.OF_ENDPOINTS.items()
        ]
        return [*acts, *super().get_urls()]

    @admin.display(description="Endpoint")
    def host(self, endpoint: Endpoint) -> str:
        return endpoint.host

    @admin.display(description="Address")
    def address(self, endpoint: Endpoint) -> str:
        return endpoint.url

    @admin.display(description="Id")
    def public_id(self, endpoint: Endpoint) -> str:
        return endpoint.public_id

    @admin.display(description="Status")
    def state(self, endpoint: Endpoint) -> SafeString:
        return endpoint_badge(endpoint)

    @admin.display(description="Why")
    def reason(self, endpoint: Endpoint) -> str:
        return endpoint.get_disabled_because_display().capitalize() or "–"

    @admin.display(description="Who is told by mail")
    def contact(self, endpoint: Endpoint) -> str:
        return endpoint.organization.contact_email or "Nobody: the organization has no contact email."

    @admin.display(description="Wants")
    def wants(self, endpoint: Endpoint) -> str:
        return "everything (*)" if "*" in endpoint.events else joined(endpoint.events)

    @admin.display(description="Metadata")
    def own_metadata(self, endpoint: Endpoint) -> SafeString | str:
        if not endpoint.metadata:
            return "–"
        text = json.dumps(endpoint.metadata, indent=2, ensure_ascii=False)
        return format_html('<pre class="staff-json">{}</pre>', text)

    @admin.display(description="Success, 24 hours")
    def success(self, endpoint: Any) -> str:
        return str(endpoint.health.share)

    @admin.display(description="Waiting")
    def waiting(self, endpoint: Any) -> str:
        return up_to(endpoint.health.waiting)

    @admin.display(description="Held")
    def held(self, endpoint: Any) -> str:
        return up_to(endpoint.health.held)
