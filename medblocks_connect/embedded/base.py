"""Django's PostgreSQL engine on the embedded server. Loaded by Django as `ENGINE + ".base"`."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from medblocks_connect.embedded import server


class DatabaseWrapper(base.DatabaseWrapper):
    """Joins the embedded server before the first connection of this process."""

    def get_connection_params(self) -> dict[str, Any]:
        self.settings_dict["HOST"] = server.join(settings.VAR_DIR / "postgres", self.settings_dict["NAME"])
        return super().get_connection_params()
