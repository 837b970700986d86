"""The catalogue, as staff see and change it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter

from common.admin import ReadOnlyAdmin, StaffAdmin, words_in
from common.admin_html import joined, when
from sources.admin_forms import FacilityForm, NewSourceForm, SourceForm
from sources.base_urls import is_source_id, normalized
from sources.models import Catalogue, ClientRegistration, Facility, Portal, Source
from sources.operations import add_source
from sources.overlay import give_back, pin_edits, pin_portals, portals_of


class CatalogueAdmin(StaffAdmin):
    """Every change is noted in the catalogue's version, in the same transaction: search indexes follow it.

    What staff edit lies over what directories say (sources/overlay.py); a field of the form gives it back.
    """

    pinned_fieldset: ClassVar[Any] = ("What staff edited", {"fields": ["give_back"]})

    def get_fieldsets(self, request: HttpRequest, obj: Source | Facility | None = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        return [*fieldsets, self.pinned_fieldset] if obj and obj.directory_values else fieldsets

    def save_form(self, request: HttpRequest, form: "ModelForm[Any]", change: bool) -> Any:
        Catalogue.lock()
        return super().save_form(request, form, change)

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        """Write what was edited and nothing else: an import may have ended since the page was loaded."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        names = [field.name for field in obj._meta.concrete_fields if field.name in form.changed_data]
        pin_edits(obj, names)
        written = [field.name for field in obj._meta.concrete_fields if field.name == "updated_at"]
        obj.save(update_fields=[*names, *written, "directory_values"])

    def save_related(self, request: HttpRequest, form: "ModelForm[Any]", formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for name in form.cleaned_data.get("give_back") or []:
            give_back(form.instance, name)
        Catalogue.changed()

    def delete_model(self, request: HttpRequest, obj: Source | Facility) -> None:
        super().delete_model(request, obj)
        Catalogue.changed()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        # An action runs outside any transaction, unlike a form.
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            Catalogue.changed()


class RetiredFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    title = "retired"
    parameter_name = "retired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Shown to patients"), ("yes", "Retired: in no directory any more")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("no", "yes"):
            return queryset.filter(retired_at__isnull=self.value() == "no")
        return queryset


@admin.register(Source)
class SourceAdmin(CatalogueAdmin):
    list_display: ClassVar[list[Any]] = [
        "name", "type", "environment", "organization", "offered", "fhir_base_url",
    ]  # fmt: skip
    list_filter: ClassVar[list[Any]] = [
        RetiredFilter,
        ("environment", ChoicesDropdownFilter),
        ("organization", AutocompleteSelectFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["organization", "described_by"]
    never_loaded: ClassVar[tuple[str, ...]] = ("organization__logo",)
    ordering: ClassVar[list[str]] = ["name", "pk"]
    autocomplete_fields: ClassVar[list[str]] = ["organization"]
    search_help_text = "Words of the name, the FHIR base URL or its beginning, fhirsrc_…, a vendor"
    readonly_fields: ClassVar[list[Any]] = ["id", "described", "retired", "created", "updated"]
    add_fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "type", "fhir_base_url", "environment", "organization", "portal_url"]})
    ]
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "type", ("id", "environment"), "fhir_base_url", "organization"]}),
        ("For patients", {"fields": ["portal_url", "logo_url"]}),
        ("Directory", {"fields": [("described", "retired")]}),
        ("Times", {"fields": [("created", "updated")]}),
    ]
    retired = when("retired_at", "Retired")
    created = when("created_at", "Created")
    updated = when("updated_at", "Updated")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        """With whether any workspace that sees the source can sign patients in there."""
        ready = ClientRegistration.objects.filter(
            Q(source=OuterRef("pk")) | Q(vendor=OuterRef("type")),
            environment=OuterRef("environment"),
            is_ready=True,
        )
        sources: QuerySet[Source] = super().get_queryset(request).annotate(is_offered=Exists(ready))
        return sources

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

    @admin.display(description="Offered", boolean=True)
    def offered(self, source: Source) -> bool:
        return source.retired_at is None and bool(getattr(source, "is_offered", False))

    @admin.display(description="Described by")
    def described(self, source: Source) -> str:
        return described_by(source)

    def save_form(self, request: HttpRequest, form: "ModelForm[Source]", change: bool) -> Source:
        entered: Source = super().save_form(request, form, change)
        if change:
            return entered
        fields = ("name", "type", "fhir_base_url", "environment", "organization", "portal_url")
        return add_source(**{field: form.cleaned_data[field] for field in fields})

    def save_model(self, request: HttpRequest, obj: Source, form: "ModelForm[Source]", change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)


class PortalInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """A facility's ways to sources."""

    model = Portal
    extra = 0
    fields: ClassVar[list[str]] = ["source", "name", "description", "url", "logo_url"]
    autocomplete_fields: ClassVar[list[str]] = ["source"]
    formfield_overrides: ClassVar[dict[Any, Any]] = StaffAdmin.formfield_overrides


@admin.register(Facility)
class FacilityAdmin(CatalogueAdmin):
    list_display: ClassVar[list[Any]] = ["name", "place", "postal_code", "brand", "signs_in_at"]
    form = FacilityForm
    list_filter: ClassVar[list[Any]] = [RetiredFilter, ("sources", AutocompleteSelectFilter)]
    list_select_related: ClassVar[list[str]] = ["brand", "described_by"]
    readonly_fields: ClassVar[list[Any]] = ["described", "retired", "times_chosen"]
    ordering: ClassVar[list[str]] = ["name", "pk"]
    autocomplete_fields: ClassVar[list[str]] = ["brand"]
    inlines: ClassVar[list[Any]] = [PortalInline]
    search_help_text = "Words of the name, a city, a postal code or a website"
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "aliases", "brand", "npis"]}),
        (
            "Where it is",
            {"fields": ["address_line", ("city", "state"), ("postal_code", "country"), "places", ("website", "phone")]},
        ),
        ("Directory", {"fields": [("described", "retired"), "times_chosen"]}),
    ]
    retired = when("retired_at", "Retired")

    def matching(self, term: str) -> Q:
        words = words_in(term, "name")
        return words | Q(city__iexact=term) | Q(postal_code=term) | Q(website=term.lower())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Facility]:
        return super().get_queryset(request).prefetch_related("sources")

    def save_related(self, request: HttpRequest, form: "ModelForm[Facility]", formsets: Any, change: bool) -> None:
        before = portals_of(form.instance)
        for formset in formsets:
            self.save_formset(request, form, formset, change=change)
        if change:
            pin_portals(form.instance, before)
        super().save_related(request, form, [], change)

    @admin.display(description="Described by")
    def described(self, facility: Facility) -> str:
        return described_by(facility)

    @admin.display(description="Signs in at")
    def signs_in_at(self, facility: Facility) -> str:
        return joined([source.name for source in facility.sources.all()])


@admin.register(Catalogue)
class CatalogueVersionAdmin(ReadOnlyAdmin):
    """Which state of the catalogue search indexes follow."""

    list_display: ClassVar[list[Any]] = ["version"]

    def matching(self, term: str) -> Q:
        return Q(version=term.upper())


def described_by(row: Source | Facility) -> str:
    return str(row.described_by) if row.described_by else "staff"


def _as_stored(base_url: str) -> str:
    try:
        return normalized(base_url)
    except ValueError:
        return base_url
