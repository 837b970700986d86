"""What people fill in at the portal: their sign-in, and whether an app may read their records."""

from typing import Any

from django import forms

from sandbox.people import PortalUser, authenticate

ALLOW, DENY = "allow", "deny"
NO_DECISION = "Choose Allow or Don't allow"
NO_CHART = "Choose whose records to share"


class SignInForm(forms.Form):
    username = forms.CharField(max_length=150, error_messages={"required": "Enter your username"})
    password = forms.CharField(max_length=150, strip=False, error_messages={"required": "Enter your password"})

    user: PortalUser | None = None

    def clean(self) -> dict[str, Any]:
        entered = self.cleaned_data
        if "username" in entered and "password" in entered:
            self.user = authenticate(entered["username"], entered["password"])
            if self.user is None:
                self.add_error("username", "That username and password do not go together. Check both and try again")
        return entered


class ConsentForm(forms.Form):
    """Allow or not, and for whose chart. Who has only one chart is not asked which."""

    decision = forms.ChoiceField(
        choices=[(ALLOW, "Allow"), (DENY, "Don't allow")],
        error_messages={"required": NO_DECISION, "invalid_choice": NO_DECISION},
    )
    chart = forms.ChoiceField(required=False, error_messages={"invalid_choice": NO_CHART})

    def __init__(self, user: PortalUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if len(user.charts) == 1:
            del self.fields["chart"]
            return
        chart = self.fields["chart"]
        assert isinstance(chart, forms.ChoiceField)
        chart.choices = [(person.key, person.name) for person in user.charts]

    def clean(self) -> dict[str, Any]:
        entered = self.cleaned_data
        if "chart" not in self.fields:
            entered["chart"] = self.user.charts[0].key
        elif entered.get("decision") == ALLOW and entered.get("chart") == "":
            self.add_error("chart", NO_CHART)
        return entered
