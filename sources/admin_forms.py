"""Forms of the staff's admin for the catalogue and for how we are known at a source.

Which fields a page has, the admin says.
"""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import slug_re
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanSwitchWidget

from common.admin_forms import SecretField
from common.outbound import AddressRefused, check_url
from organizations.models import Organization
from sources import keys
from sources.base_urls import source_id
from sources.imports.report import field_in_words, value_in_words
from sources.models import AuthMethod, ClientRegistration, Directory, Facility, Source
from sources.operations import checked_base_url


def check_workspace(organization: Organization | None, environment: str) -> None:
    """Raises ValidationError where something of a workspace is not of the workspace's environment."""
    if organization is not None and organization.environment != environment:
        raise ValidationError({"organization": f"This workspace is not a {environment} workspace."})


def vendor_slug(vendor: str | None) -> str | None:
    """A vendor as sources have it in their type. Raises ValidationError for what cannot be one."""
    slug = (vendor or "").strip().lower()
    if slug and slug_re.fullmatch(slug) is None:
        raise ValidationError("Write the vendor as a slug: letters, digits and hyphens, such as epic.")
    return slug or None


class NewSourceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in its stubs
    """A source gets its id from its normalised base URL; neither changes afterwards."""

    class Meta:
        model = Source
        fields: ClassVar[list[str]] = []
        help_texts: ClassVar[dict[str, str]] = {
            "fhir_base_url": "Such as https://fhir.example/r4. Cannot change afterwards."
        }

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or self.cleaned_data
        if "fhir_base_url" in entered and "environment" in entered:
            base_url = checked_base_url(entered["fhir_base_url"], entered["environment"])
            if Source.objects.filter(pk=source_id(base_url)).exists():
                raise ValidationError({"fhir_base_url": "There is a source at this FHIR base URL already."})
            check_workspace(entered.get("organization"), entered["environment"])
            entered["fhir_base_url"] = base_url
        return entered


class OverlayForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in its stubs
    """Shows which fields staff have edited, with what the directory says, and gives them back."""

    give_back = forms.MultipleChoiceField(
        required=False,
        label="Use the directory's value again",
        help_text="Imports keep what staff edited. What is ticked here follows the directory again.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("give_back")
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [
                (name, f"{field_in_words(name).capitalize()}: the directory says {value_in_words(value)}")
                for name, value in self.instance.directory_values.items()
            ]


class FacilityForm(OverlayForm):
    class Meta:
        model = Facility
        fields: ClassVar[list[str]] = []


class SourceForm(OverlayForm):
    class Meta:
        model = Source
        fields: ClassVar[list[str]] = []

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or self.cleaned_data
        check_workspace(entered.get("organization"), self.instance.environment)
        return entered


class RegistrationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in its stubs
    """The client secret and the private key can be set here and are never shown."""

    new_secret = SecretField(label="Client secret", help_text="Write-only. Empty: the stored one stays.")
    new_key = SecretField(
        label="Private key", multiline=True, help_text="RSA key as PEM, write-only. Empty: the stored one stays."
    )
    make_key = forms.BooleanField(
        label="Make a new key pair",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="The portal must learn the new public key before patients can sign in again.",
    )

    class Meta:
        model = ClientRegistration
        fields: ClassVar[list[str]] = []
        help_texts: ClassVar[dict[str, str]] = {
            "source": "Either one source, or a vendor: then it counts for all of the vendor's sources.",
            "vendor": "As sources have it in their type: epic, cerner, athena, …",
        }

    def clean_vendor(self) -> str | None:
        return vendor_slug(self.cleaned_data["vendor"])

    def clean_new_key(self) -> str:
        pem: str = self.cleaned_data["new_key"]
        if not pem:
            return ""
        try:
            return keys.checked_private_key(pem)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or self.cleaned_data
        if "environment" in entered:
            self._check_scope(entered)
        if entered.get("new_key") and entered.get("make_key"):
            raise ValidationError({"make_key": "Either paste a key or have one made."})
        self._keep_secrets(entered)
        needs_secret = entered.get("auth_method") in (AuthMethod.BASIC, AuthMethod.POST)
        if needs_secret and not self.instance.client_secret and "new_secret" in entered:
            raise ValidationError({"new_secret": "This method needs a client secret."})
        return entered

    def _check_scope(self, entered: dict[str, Any]) -> None:
        source = entered.get("source")
        if bool(source) == bool(entered.get("vendor")):
            raise ValidationError({"source": "Choose either a source or a vendor."})
        if source and source.environment != entered["environment"]:
            raise ValidationError({"source": f"This source is not a {entered['environment']} source."})
        if source and source.organization_id and source.organization != entered.get("organization"):
            raise ValidationError({"organization": "This source belongs to one workspace only: choose that one."})
        check_workspace(entered.get("organization"), entered["environment"])

    def _keep_secrets(self, entered: dict[str, Any]) -> None:
        """Set what was entered on the row; what was left empty stays as it is stored."""
        registration = self.instance
        if entered.get("new_secret"):
            registration.client_secret = entered["new_secret"]
        lacks_key = entered.get("auth_method") == AuthMethod.PRIVATE_KEY_JWT and not registration.private_key
        if entered.get("new_key"):
            registration.private_key = entered["new_key"]
        elif (entered.get("make_key") or lacks_key) and "new_key" in entered:
            registration.private_key = keys.new_private_key()
        registration.key_id = keys.key_id(registration.private_key) if registration.private_key else ""


class DirectoryForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in its stubs
    class Meta:
        model = Directory
        fields: ClassVar[list[str]] = []

    def clean_vendor(self) -> str | None:
        return vendor_slug(self.cleaned_data["vendor"])

    def clean_url(self) -> str | None:
        return self.cleaned_data["url"] or None

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or self.cleaned_data
        environment = entered.get("environment") or self.instance.environment
        if entered.get("url") and environment:
            self._check_url(entered["url"], environment)
        if entered.get("is_watched") and not entered.get("url"):
            raise ValidationError({"url": "What is imported every week needs a URL."})
        return entered

    def _check_url(self, url: str, environment: str) -> None:
        try:
            check_url(url, Source(environment=environment).reach)
        except AddressRefused as error:
            raise ValidationError({"url": f"{error} A {environment} directory cannot be there."}) from error
