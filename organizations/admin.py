"""Workspaces and their API keys, as staff see them. A key is shown once, in the answer that makes it."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter

from common.admin import StaffAdmin, ulid_in, words_in
from common.admin_html import badge, when
from common.admin_rights import require_right
from organizations.admin_forms import ApiKeyForm, OrganizationForm
from organizations.models import ApiKey, Organization
from organizations.operations import create_api_key

ALREADY_REVOKED = "Nothing was changed: what you chose is revoked already."


@admin.register(Organization)
class OrganizationAdmin(StaffAdmin):
    form = OrganizationForm
    never_loaded: ClassVar[tuple[str, ...]] = ("logo",)
    list_display: ClassVar[list[Any]] = ["name", "environment", "created"]
    list_filter: ClassVar[list[Any]] = [("environment", ChoicesDropdownFilter)]
    ordering: ClassVar[list[str]] = ["name", "pk"]
    search_help_text = "Words of the name, or the workspace's id"
    readonly_fields: ClassVar[list[Any]] = ["logo_preview", "created"]
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "environment", "contact_email", "created"]}),
        ("Look of the patients' pages", {"fields": ["accent_color", "logo_preview", "new_logo", "remove_logo"]}),
        ("Links for patients", {"fields": ["support_url", "privacy_url"]}),
        ("What patients find", {"fields": ["unavailable_sources"]}),
        ("Where the pages may lead and be shown", {"fields": ["allowed_return_origins", "allowed_frame_ancestors"]}),
    ]
    created = when("created_at", "Created", ordering="pk")

    def matching(self, term: str) -> Q:
        return words_in(term, "name") | Q(pk=ulid_in(term) or "")

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> list[Any]:
        return [*self.readonly_fields, *(["environment"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: everything of a workspace, its patients included, would go with it."""
        return False

    @admin.display(description="Logo")
    def logo_preview(self, organization: Organization) -> SafeString | str:
        if not organization.logo:
            return "none"
        address = reverse("logo", args=[organization.pk, organization.branding_version])
        return format_html('<img src="{}" alt="The logo as patients see it" class="staff-logo">', address)


class KeyStateFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("usable", "Usable"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        expired = Q(revoked_at=None, expires_at__lte=timezone.now())
        if self.value() == "usable":
            return queryset.filter(revoked_at=None).exclude(expired)
        if self.value() == "expired":
            return queryset.filter(expired)
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    form = ApiKeyForm
    never_loaded: ClassVar[tuple[str, ...]] = ("digest", "organization__logo")
    list_display: ClassVar[list[Any]] = ["name", "begins_with", "organization", "state", "last_used", "created"]
    list_filter: ClassVar[list[Any]] = [KeyStateFilter, "api_version", ("organization", AutocompleteSelectFilter)]
    list_select_related: ClassVar[list[str]] = ["organization"]
    ordering: ClassVar[list[str]] = ["-pk"]
    autocomplete_fields: ClassVar[list[str]] = ["organization"]
    search_help_text = "The beginning of a key, words of its name, or its id"
    actions: ClassVar[list[str]] = ["revoke"]
    change_form_outer_after_template = "admin/organizations/apikey/after.html"
    readonly_fields: ClassVar[list[Any]] = ["begins_with", "state", "last_used", "revoked", "created"]
    add_fieldsets: ClassVar[list[Any]] = [(None, {"fields": ["organization", "name", "scopes", "expires_at"]})]
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", ("begins_with", "organization"), "state"]}),
        ("What it may do", {"fields": ["scopes", "expires_at", "api_version"]}),
        ("Times", {"fields": [("created", "last_used"), "revoked"]}),
    ]
    created = when("created_at", "Created", ordering="pk")
    last_used = when("last_used_at", "Last used")
    revoked = when("revoked_at", "Revoked")

    def matching(self, term: str) -> Q:
        # What follows the prefix of a pasted key is not used for searching.
        return words_in(term, "name") | Q(prefix=term[:16]) | Q(prefix__startswith=term) | Q(pk=ulid_in(term) or "")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[Any]:
        return [*self.readonly_fields, *(["organization"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: a revoked key stays, so that one can see what it was."""
        return False

    def save_form(self, request: HttpRequest, form: "ModelForm[ApiKey]", change: bool) -> ApiKey:
        entered: ApiKey = super().save_form(request, form, change)
        if change:
            return entered
        key, secret = create_api_key(
            organization=entered.organization, name=entered.name, scopes=entered.scopes, expires_at=entered.expires_at
        )
        request.new_api_key = secret  # type: ignore[attr-defined]
        return key

    def save_model(self, request: HttpRequest, obj: ApiKey, form: "ModelForm[ApiKey]", change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key in this answer. A message for the next page would put it into a cookie."""
        context = self.admin_site.each_context(request) | {
            "title": "The new API key",
            "opts": self.opts,
            "key": obj,
            "secret": request.new_api_key,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/organizations/apikey/created.html", context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("<path:object_id>/revoke/", view, name="organizations_apikey_revoke"), *super().get_urls()]

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first; the answer revokes the key. For staff who may change keys."""
        require_right(request, "organizations.change_apikey")
        key = get_object_or_404(self.get_queryset(request), pk=object_id)
        if request.method != "POST" and key.revoked_at is None:
            return self._ask_before_revoking(request, [key], many=False)
        self._revoke(request, ApiKey.objects.filter(pk=key.pk))
        return HttpResponseRedirect(reverse("admin:organizations_apikey_change", args=[key.pk]))

    @admin.action(description="Revoke the selected keys …", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Asks first, and is called again with the answer."""
        usable = list(queryset.filter(revoked_at=None))
        if usable and "confirmed" not in request.POST:
            return self._ask_before_revoking(request, usable, many=True)
        self._revoke(request, queryset)
        return None

    def _ask_before_revoking(self, request: HttpRequest, keys: list[ApiKey], *, many: bool) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"title": "Revoke", "opts": self.opts}
        asked = {"keys": keys, "many": many}
        return TemplateResponse(request, "admin/organizations/apikey/revoke.html", context | asked)

    def _revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys.filter(revoked_at=None):
            self.log_change(request, key, "Revoked.")
        revoked = keys.revoke(timezone.now())  # type: ignore[attr-defined]
        if not revoked:
            self.message_user(request, ALREADY_REVOKED, messages.WARNING)
        else:
            self.message_user(request, f"{revoked} keys were revoked." if revoked != 1 else "The key was revoked.")

    @admin.display(description="Begins with")
    def begins_with(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return badge("danger", "Revoked")
        return badge("warning", "Expired") if key.has_expired(timezone.now()) else badge("success", "Usable")
