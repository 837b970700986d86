"""Client registrations, as staff see and change them. Secrets are set here and never shown."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter

from common.admin import StaffAdmin, ulid_in, words_in
from common.admin_html import when
from sources.admin.vendors import warn_of_unknown_vendor
from sources.admin_forms import RegistrationForm
from sources.jwks import jwks
from sources.models import ClientRegistration


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

    def save_model(
        self, request: HttpRequest, obj: ClientRegistration, form: "ModelForm[ClientRegistration]", change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if "vendor" in form.changed_data:
            warn_of_unknown_vendor(request, obj.vendor, obj.environment)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """What the page that asks first shows. Registrations that access is renewed with are not deleted."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking, [*protected, *(said for one in objs if (said := _in_use(one)))]

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


def _in_use(registration: ClientRegistration) -> str:
    """Why staff cannot delete it; empty where they can."""
    # Of `patients`, which lies above: its model points here.
    number = registration.connections.filter(status="active").count()
    if not number:
        return ""
    connections = "1 active connection" if number == 1 else f"{number} active connections"
    return (
        f"{registration}: {connections} could not be renewed any more, as tokens are good only for the client that "
        "they were made for. Turn off “Is ready” instead: nobody signs in with it then, and the access that there is "
        "goes on."
    )
