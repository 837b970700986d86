"""The staff's admin: its title, its colours, its navigation. `settings.UNFOLD` is read by django-unfold."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def environment(request: HttpRequest) -> list[str]:
    """The badge beside the title."""
    from django.conf import settings

    return ["Sandbox on", "warning"] if settings.SANDBOX else ["Sandbox off", "info"]


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def permission(request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"{app}.{act}_{model}") for act in ("view", "change"))

    return permission


def _item(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_view(app, model),
    }


NAVIGATION = [
    {
        "title": "Patients",
        "separator": True,
        "items": [
            _item("Patients", "person", "patients", "patient"),
            _item("Connections", "link", "patients", "connection"),
            _item("Pulls of records", "download", "records", "pull"),
            _item("Revocations", "link_off", "patients", "revocation"),
            _item("Flows", "route", "flows", "patientflow"),
            _item("Sign-ins", "login", "flows", "authorization"),
            _item("Trail of all sign-ins", "timeline", "flows", "authorizationevent"),
        ],
    },
    {
        "title": "Catalogue",
        "separator": True,
        "items": [
            _item("Sources", "database", "sources", "source"),
            _item("Facilities", "local_hospital", "sources", "facility"),
            _item("Places asked for", "add_location_alt", "flows", "sourcerequest"),
            _item("Directories", "menu_book", "sources", "directory"),
            _item("Imports", "move_to_inbox", "sources", "directoryimport"),
            _item("Client registrations", "badge", "sources", "clientregistration"),
        ],
    },
    {
        "title": "Workspaces",
        "separator": True,
        "items": [
            _item("Organizations", "apartment", "organizations", "organization"),
            _item("API keys", "key", "organizations", "apikey"),
            _item("Events", "notifications", "webhooks", "event"),
            _item("Webhook endpoints", "webhook", "webhooks", "endpoint"),
            _item("Deliveries", "outbox", "webhooks", "delivery"),
        ],
    },
    {
        "title": "Operations",
        "separator": True,
        "items": [
            _item("Jobs", "work_history", "procrastinate", "procrastinatejob"),
            _item("Workers", "engineering", "procrastinate", "procrastinateworker"),
            _item("Users", "group", "auth", "user"),
            _item("Groups", "groups", "auth", "group"),
        ],
    },
]

UNFOLD = {
    "SITE_TITLE": "Medblocks Connect",
    "SITE_HEADER": "Medblocks Connect",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("mc/icon.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "medblocks_connect.admin_settings.environment",
    "DASHBOARD_CALLBACK": "medblocks_connect.admin_dashboard.dashboard",
    "STYLES": [lambda request: static("staff/admin.css")],
    "COLORS": {
        # The default accent of the hosted pages, #0b5c8a, from light to dark.
        "primary": {
            "50": "#f0f8fd",
            "100": "#dceefa",
            "200": "#bbdff5",
            "300": "#87c8ec",
            "400": "#4ba9de",
            "500": "#2389c2",
            "600": "#0b6da3",
            "700": "#0b5c8a",
            "800": "#0e4b6e",
            "900": "#113f5c",
            "950": "#0b283d",
        }
    },
    "SIDEBAR": {"show_search": False, "command_search": False, "navigation": NAVIGATION},
}
