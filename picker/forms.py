"""What patients type and choose."""

from typing import Any

from django import forms

from flows.models import source_request
from organizations.models import Organization
from sources.base_urls import is_source_id
from sources.geography import point_of, postal_code_of
from sources.models import Portal, Source

MAX_QUERY = 200
NOTHING_TYPED = "Type the name of a hospital, clinic or health plan."


class ZipCodeField(forms.CharField):
    """A ZIP code that we know, as its five digits; "" for none typed."""

    def clean(self, value: Any) -> str:
        typed: str = super().clean(value)
        code = postal_code_of(typed)
        if typed and not code:
            raise forms.ValidationError("A ZIP code has five digits, such as 94110. You can also leave this empty.")
        if code and point_of(code) is None:
            raise forms.ValidationError(
                f"We do not know the ZIP code {code}. Check it, or leave this empty and type the city instead."
            )
        return code


class SearchForm(forms.Form):
    """The words or the ZIP code may be missing, not both. With one at fault the other still counts."""

    q = forms.CharField(
        required=False,
        label="Name of your hospital, clinic or health plan",
        max_length=MAX_QUERY,
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "autocapitalize": "words", "spellcheck": "false"}
        ),
        help_text="A city or the web address of the portal works too.",
        error_messages={"max_length": f"Use fewer words: at most {MAX_QUERY} characters."},
    )
    near = ZipCodeField(
        required=False,
        label="ZIP code (optional)",
        widget=forms.TextInput(
            # Long enough for ZIP+4; what is longer is answered with the rule, not cut off unseen.
            attrs={"inputmode": "numeric", "autocomplete": "postal-code", "size": "10"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not cleaned["q"] and not cleaned["near"]:
            self.add_error("q", NOTHING_TYPED)
        return cleaned


class MissingForm(forms.Form):
    """A place that the search does not have."""

    name = forms.CharField(
        label="Name of the hospital, clinic or health plan",
        max_length=source_request.MAX_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "words"}),
        error_messages={
            "required": NOTHING_TYPED,
            "max_length": f"Use fewer words: at most {source_request.MAX_NAME} characters.",
        },
    )
    place = forms.CharField(
        required=False,
        label="Town and state, or ZIP code (optional)",
        max_length=source_request.MAX_PLACE,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "words"}),
        error_messages={"max_length": f"Use fewer words: at most {source_request.MAX_PLACE} characters."},
    )
    portal_address = forms.CharField(
        required=False,
        label="Web address of its patient portal (optional)",
        max_length=source_request.MAX_ADDRESS,
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        help_text="Where you sign in to see your results, such as mychart.example.org.",
        error_messages={"max_length": f"Use a shorter address: at most {source_request.MAX_ADDRESS} characters."},
    )

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        if not any(character.isalnum() for character in name):
            raise forms.ValidationError(self.fields["name"].error_messages["required"])
        return name

    def clean_place(self) -> str:
        return " ".join(self.cleaned_data["place"].split())


def chosen_source(organization: Organization, reference: str) -> Source | None:
    """The source a patient chose, if the workspace offers it."""
    if not is_source_id(reference):
        return None
    return Source.objects.offered_to(organization).filter(pk=reference).first()


def wanted_source(organization: Organization, reference: str) -> Source | None:
    """The source that a patient asks for, if the workspace lets patients see what is not available yet."""
    if not organization.shows_unavailable_sources or not is_source_id(reference):
        return None
    return Source.objects.visible_to(organization).filter(pk=reference).first()


def chosen_portal(source: Source, reference: str) -> Portal | None:
    """The way to the source from the facility that the patient found it by, if there is one."""
    if not reference.isascii() or not reference.isdigit() or len(reference) > 18:
        return None
    portals = source.portals.select_related("facility")
    return portals.filter(facility=int(reference), facility__retired_at=None).first()
