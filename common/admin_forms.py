"""Form fields of the staff's admin: lists typed one per line, and secrets that are written and never shown."""

from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget


class LinesField(SimpleArrayField):
    """A list, one entry per line. Empty lines do not count."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["widget"] = UnfoldAdminTextareaWidget(attrs={"rows": 4})
        help_text = kwargs.get("help_text") or ""
        kwargs["help_text"] = f"{help_text} One per line.".strip()
        super().__init__(*args, delimiter="\n", **kwargs)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = "\n".join(line.strip() for line in value.splitlines() if line.strip())
        return super().to_python(value)


class _UnshownTextarea(UnfoldAdminTextareaWidget):  # type: ignore[misc]  # unfold has no types
    """Never renders what was typed, not even beside an error."""

    def format_value(self, value: Any) -> str:
        return ""


class SecretField(forms.CharField):
    """A secret to be set. Its value is never in a page; empty means: keep what is stored."""

    def __init__(self, *, multiline: bool = False, **kwargs: Any) -> None:
        unfilled = {"autocomplete": "new-password", "spellcheck": "false"}
        widget = _UnshownTextarea(attrs=unfilled) if multiline else UnfoldAdminPasswordWidget(attrs=unfilled)
        super().__init__(required=False, widget=widget, strip=True, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)
