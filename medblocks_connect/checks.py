"""What `manage.py check --deploy` refuses, and what it warns of."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  Django's name for it


@register(Tags.security, deploy=True)
def check_production_settings(**kwargs: Any) -> list[CheckMessage]:
    rules = [
        (
            settings.SANDBOX,
            "The sandbox health system is on. It signs anybody in with published passwords.",
            "Unset SANDBOX.",
            "medblocks.E001",
        ),
        (
            not settings.SERVED_OVER_TLS,
            "BASE_URL is not https. Sign-in codes would travel in clear.",
            "Set BASE_URL to the public https address.",
            "medblocks.E002",
        ),
        (
            settings.KEYS_ARE_GENERATED,
            "SECRET_KEY and ENCRYPTION_KEYS were generated on this machine and exist nowhere else.",
            "Set both in the environment and keep a copy: without ENCRYPTION_KEYS every connection is lost.",
            "medblocks.E003",
        ),
        (
            settings.DATABASES["default"]["ENGINE"] == "medblocks_connect.embedded",
            "The embedded PostgreSQL is for development.",
            "Set DATABASE_URL to a PostgreSQL server that is backed up.",
            "medblocks.E004",
        ),
    ]
    return [Error(message, hint=hint, id=code) for broken, message, hint, code in rules if broken]


@register(Tags.security, deploy=True)
def check_mail_settings(**kwargs: Any) -> list[CheckMessage]:
    if settings.EMAIL_BACKEND != "django.core.mail.backends.console.EmailBackend":
        return []
    message = "Mails are printed by the worker and reach nobody. Workspaces are not told of webhooks that fail."
    return [Warning(message, hint="Set EMAIL_URL to your mail server.", id="medblocks.W001")]
