"""What patients type and choose."""

from django import forms

from organizations.models import Organization
from sources.base_urls import is_source_id
from sources.models import Facility, Source

MAX_QUERY = 200


class SearchForm(forms.Form):
    q = forms.CharField(
        label="Name of your hospital, clinic or health plan",
        max_length=MAX_QUERY,
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "autocapitalize": "words", "spellcheck": "false"}
        ),
        help_text="You can also type a city or a ZIP code.",
        error_messages={
            "required": "Type the name of a hospital, clinic or health plan.",
            "max_length": f"Use fewer words: at most {MAX_QUERY} characters.",
        },
    )


def chosen_source(organization: Organization, reference: str) -> Source | None:
    """The source a patient chose, if the workspace offers it."""
    if not is_source_id(reference):
        return None
    return Source.objects.offered_to(organization).filter(pk=reference).first()


def chosen_facility(source: Source, reference: str) -> Facility | None:
    """The facility the patient found the source by, if it belongs to it."""
    if not reference.isascii() or not reference.isdigit() or len(reference) > 18:
        return None
    return source.facilities.filter(pk=int(reference)).first()
