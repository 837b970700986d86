"""Small pieces of HTML for the staff's admin. All text in them is escaped."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString


def moment(at: datetime | None) -> SafeString | str:
    """A time to the second, in UTC, as the logs have it."""
    if at is None:
        return "–"
    utc = timezone.localtime(at, timezone.get_default_timezone())
    return format_html(
        '<time datetime="{}" class="staff-moment">{}</time>', utc.isoformat(), utc.strftime("%d %b %Y, %H:%M:%S")
    )


def when(field: str, description: str, ordering: str | None = None) -> Callable[[Any, Any], SafeString | str]:
    """A column or fact that shows a time of the row."""

    def column(admin: Any, row: Any) -> SafeString | str:
        return moment(getattr(row, field))

    column.short_description = description  # type: ignore[attr-defined]
    column.admin_order_field = ordering  # type: ignore[attr-defined]
    column.__name__ = f"{field}_moment"
    return column


def link(address: str, text: object) -> SafeString:
    return format_html('<a href="{}" class="staff-link">{}</a>', address, text)


def badge(tone: str, text: object) -> SafeString:
    """A state, coloured: success, danger, warning, info or neutral."""
    return format_html('<span class="staff-badge staff-badge--{}">{}</span>', tone, text)


def joined(parts: list[str]) -> str:
    """A list as one line; a dash where it is empty."""
    return ", ".join(parts) or "–"
