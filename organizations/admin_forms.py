"""Forms of the staff's admin for workspaces and keys. Which fields a page has, the admin says."""

from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from common import versions
from organizations import branding
from organizations.models import ApiKey, Organization
from organizations.operations import check_expiry
from organizations.scopes import ALL_SCOPES


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in its stubs
    new_logo = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"PNG, JPEG or WebP of at most {branding.MAX_LOGO_BYTES // 1024} KB.",
    )
    remove_logo = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)

    class Meta:
        model = Organization
        fields: ClassVar[list[str]] = []

    def clean_new_logo(self) -> bytes:
        upload = self.cleaned_data["new_logo"]
        if upload is None:
            return b""
        content: bytes = upload.read(branding.MAX_LOGO_BYTES + 1)
        branding.logo_type(content)
        return content

    def save(self, commit: bool = True) -> Organization:
        if self.cleaned_data.get("new_logo"):
            self.instance.logo = self.cleaned_data["new_logo"]
        elif self.cleaned_data.get("remove_logo"):
            self.instance.logo = b""
        organization: Organization = super().save(commit)
        return organization


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in its stubs
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in ALL_SCOPES],
        initial=ALL_SCOPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": "Choose at least one scope: a key without any can do nothing."},
    )

    class Meta:
        model = ApiKey
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:
            self.fields["expires_at"].help_text = "In UTC, at most ten years away. Empty: the key does not expire."
        if "api_version" in self.fields:
            self.fields["api_version"] = forms.ChoiceField(
                choices=[(date, date) for date in versions.published()],
                help_text="What its requests and answers look like. Try another with the header Version first.",
                widget=UnfoldAdminSelectWidget,
            )

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or self.cleaned_data
        # An expired key can be renamed: what is not changed was checked in its day.
        if entered.get("expires_at") and "expires_at" in self.changed_data:
            check_expiry(entered["expires_at"], timezone.now())
        return entered
