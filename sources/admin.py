"""The catalogue and the client registrations, as staff see and change them."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter

from common.admin import ReadOnlyAdmin, StaffAdmin, ulid_in, words_in
from common.admin_html import joined, when
from common.ids import new_ulid
from sources.admin_forms import NewSourceForm, RegistrationForm, SourceForm
from sources.base_urls import is_source_id, normalized
from sources.jwks import jwks
from sources.models import Catalogue, ClientRegistration, Facility, Source
from sources.operations import add_source


class CatalogueAdmin(StaffAdmin):
    """Every change is noted in the catalogue's version, in the same transaction: search indexes follow it."""

    def save_related(self, request: HttpRequest, form: "ModelForm[Any]", formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        Catalogue.changed()

    def delete_model(self, request: HttpRequest, obj: Source | Facility) -> None:
        super().delete_model(request, obj)
        Catalogue.changed()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        # An action runs outside any transaction, unlike a form.
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            Catalogue.changed()


@admin.register(Source)
class SourceAdmin(CatalogueAdmin):
    list_display: ClassVar[list[Any]] = ["name", "type", "environment", "organization", "fhir_base_url"]
    list_filter: ClassVar[list[Any]] = [
        ("environment", ChoicesDropdownFilter),
        ("organization", AutocompleteSelectFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["organization"]
    never_loaded: ClassVar[tuple[str, ...]] = ("organization__logo",)
    ordering: ClassVar[list[str]] = ["name", "pk"]
    autocomplete_fields: ClassVar[list[str]] = ["organization"]
    search_help_text = "Words of the name, the FHIR base URL or its beginning, fhirsrc_…, a vendor"
    readonly_fields: ClassVar[list[Any]] = ["id", "created", "updated"]
    add_fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "type", "fhir_base_url", "environment", "organization", "portal_url"]})
    ]
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "type", ("id", "environment"), "fhir_base_url", "organization"]}),
        ("For patients", {"fields": ["portal_url", "logo_url"]}),
        ("Times", {"fields": [("created", "updated")]}),
    ]
    created = when("created_at", "Created")
    updated = when("updated_at", "Updated")

    def matching(self, term: str) -> Q:
        if is_source_id(term.lower()):
            return Q(pk=term.lower())
        if "://" in term:
            return Q(fhir_base_url__startswith=_as_stored(term))
        return words_in(term, "name") | Q(type=term.lower()) | Q(fhir_base_url__icontains=term)

    def get_form(
        self, request: HttpRequest, obj: Source | None = None, change: bool = False, **kwargs: Any
    ) -> "type[ModelForm[Source]]":
        form_class = SourceForm if change else NewSourceForm
        made: type[ModelForm[Source]] = super().get_form(request, obj, change, **{"form": form_class} | kwargs)
        return made

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> list[Any]:
        return [*self.readonly_fields, *(["fhir_base_url", "environment"] if obj else [])]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Sources are deleted one by one, after a look at what hangs on each."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def has_delete_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        """Only while no patient has tried to connect it: history keeps its source."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (obj and (obj.connections.exists() or obj.authorizations.exists()))

    def save_form(self, request: HttpRequest, form: "ModelForm[Source]", change: bool) -> Source:
        entered: Source = super().save_form(request, form, change)
        if change:
            return entered
        fields = ("name", "type", "fhir_base_url", "environment", "organization", "portal_url")
        return add_source(**{field: form.cleaned_data[field] for field in fields})

    def save_model(self, request: HttpRequest, obj: Source, form: "ModelForm[Source]", change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)


@admin.register(Facility)
class FacilityAdmin(CatalogueAdmin):
    list_display: ClassVar[list[Any]] = ["name", "place", "postal_code", "brand", "signs_in_at"]
    list_filter: ClassVar[list[Any]] = [("sources", AutocompleteSelectFilter)]
    list_select_related: ClassVar[list[str]] = ["brand"]
    ordering: ClassVar[list[str]] = ["name", "pk"]
    autocomplete_fields: ClassVar[list[str]] = ["brand", "sources"]
    search_help_text = "Words of the name, a city, a postal code or a website"
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "aliases", "brand", "sources"]}),
        (
            "Where it is",
            {"fields": ["address_line", ("city", "state"), ("postal_code", "country"), "places", ("website", "phone")]},
        ),
    ]

    def matching(self, term: str) -> Q:
        words = words_in(term, "name")
        return words | Q(city__iexact=term) | Q(postal_code=term) | Q(website=term.lower())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Facility]:
        return super().get_queryset(request).prefetch_related("sources")

    def save_model(self, request: HttpRequest, obj: Facility, form: "ModelForm[Facility]", change: bool) -> None:
        if not change:
            # No directory lists it, so no import takes it for one of its own.
            obj.directory_key = f"staff:{new_ulid()}"
        super().save_model(request, obj, form, change)

    @admin.display(description="Signs in at")
    def signs_in_at(self, facility: Facility) -> str:
        return joined([source.name for source in facility.sources.all()])


@admin.register(ClientRegistration)
class ClientRegistrationAdmin(StaffAdmin):
    form = RegistrationForm
    list_display: ClassVar[list[Any]] = ["client_id", "goes_for", "environment", "organization", "auth_method", "ready"]
    list_filter: ClassVar[list[Any]] = [
        ("environment", ChoicesDropdownFilter),
        ("auth_method", ChoicesDropdownFilter),
        ("is_ready", BooleanRadioFilter),
        ("organization", AutocompleteSelectFilter),
        ("source", AutocompleteSelectFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["organization", "source"]
    never_loaded: ClassVar[tuple[str, ...]] = ("client_secret", "private_key", "organization__logo")
    ordering: ClassVar[list[str]] = ["-pk"]
    autocomplete_fields: ClassVar[list[str]] = ["organization", "source"]
    search_help_text = "A client id, a vendor, words of the source's name, a key id"
    readonly_fields: ClassVar[list[Any]] = ["secret_is_set", "key_is_set", "key_id", "jwks_url", "created", "updated"]
    fieldsets: ClassVar[list[Any]] = [
        ("Where it counts", {"fields": ["environment", "source", "vendor", "organization", "is_ready"]}),
        ("How we sign in", {"fields": ["client_id", "auth_method", "scopes"]}),
        ("Client secret", {"fields": ["secret_is_set", "new_secret"]}),
        ("Key pair", {"fields": [("key_is_set", "key_id"), "jwks_url", "new_key", "make_key"]}),
        ("Times", {"fields": [("created", "updated")]}),
    ]
    created = when("created_at", "Created", ordering="pk")
    updated = when("updated_at", "Updated")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientRegistration]:
        facts = {"has_secret": ~Q(client_secret=""), "has_key": ~Q(private_key="")}
        registrations: QuerySet[ClientRegistration] = super().get_queryset(request).annotate(**facts)
        return registrations

    def matching(self, term: str) -> Q:
        named = Q(client_id__startswith=term) | Q(vendor=term.lower()) | Q(key_id=term) | Q(pk=ulid_in(term) or "")
        return named | words_in(term, "source__name")

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        return response

    @admin.display(description="Counts for")
    def goes_for(self, registration: ClientRegistration) -> str:
        return str(registration.source or f"every {registration.vendor} source")

    @admin.display(description="Ready", boolean=True)
    def ready(self, registration: ClientRegistration) -> bool:
        return registration.is_ready

    @admin.display(description="Has a client secret", boolean=True)
    def secret_is_set(self, registration: ClientRegistration) -> bool:
        return bool(getattr(registration, "has_secret", False))

    @admin.display(description="Has a private key", boolean=True)
    def key_is_set(self, registration: ClientRegistration) -> bool:
        return bool(getattr(registration, "has_key", False))

    @admin.display(description="Public keys are at")
    def jwks_url(self, registration: ClientRegistration) -> SafeString:
        return format_html('<code class="staff-code">{}</code>', f"{settings.BASE_URL}{reverse(jwks)}")


@admin.register(Catalogue)
class CatalogueVersionAdmin(ReadOnlyAdmin):
    """Which state of the catalogue search indexes follow."""

    list_display: ClassVar[list[Any]] = ["version"]

    def matching(self, term: str) -> Q:
        return Q(version=term.upper())


def _as_stored(base_url: str) -> str:
    try:
        return normalized(base_url)
    except ValueError:
        return base_url
