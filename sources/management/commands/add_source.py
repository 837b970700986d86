from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations.management.lookup import find_organization
from organizations.models import Environment
from sources import keys
from sources.models import AuthMethod
from sources.operations import NewClient, add_source


class Command(BaseCommand):
    help = (
        "Add a SMART on FHIR portal, or change the one at this FHIR base URL. Register this redirect URI there: "
        "<BASE_URL>/oauth/callback. Prints the source's id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what patients call it")
        parser.add_argument("--fhir-base-url", required=True)
        parser.add_argument("--type", help="the vendor: epic, cerner, athena, meditech, ecw, …")
        parser.add_argument("--portal-url", help="the portal's own web page")
        parser.add_argument(
            "--environment",
            choices=Environment.values,
            default=Environment.SANDBOX if settings.SANDBOX else Environment.PRODUCTION,
            help="sandbox sources may be on this machine (default: %(default)s)",
        )
        parser.add_argument("--organization", metavar="ORG", help="private to this workspace (id or name)")
        parser.add_argument("--client-id", help="how the portal knows us; without it patients are not offered it")
        parser.add_argument("--client-secret", default="")
        parser.add_argument("--auth-method", choices=AuthMethod.values, help="default: basic with a secret, else none")
        parser.add_argument("--private-key-file", type=Path, help="PEM, for private_key_jwt; default: one is made")
        parser.add_argument("--scopes", default="", help="space separated; default: what the portal supports of ours")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            source = add_source(
                name=options["name"],
                fhir_base_url=options["fhir_base_url"],
                environment=options["environment"],
                type=options["type"] and options["type"].lower(),
                portal_url=options["portal_url"],
                organization=find_organization(options["organization"]) if options["organization"] else None,
                client=_client(options),
            )
        except ValidationError as error:
            raise CommandError(_sentences(error)) from error
        self.stdout.write(source.id)
        for line in _next_steps(options):
            self.stderr.write(line)


def _client(options: dict[str, Any]) -> NewClient | None:
    if not options["client_id"]:
        if options["client_secret"] or options["auth_method"]:
            raise CommandError("A secret or an authentication method needs --client-id.")
        return None
    secret = options["client_secret"]
    return NewClient(
        client_id=options["client_id"],
        auth_method=options["auth_method"] or (AuthMethod.BASIC if secret else AuthMethod.NONE),
        secret=secret,
        private_key=_private_key(options["private_key_file"]),
        scopes=options["scopes"],
    )


def _private_key(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return keys.checked_private_key(file.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error


def _next_steps(options: dict[str, Any]) -> list[str]:
    if not options["client_id"]:
        return ["Patients are not offered it yet: run this again with --client-id once the portal knows us."]
    steps = [f"Redirect URI to register at the portal: {settings.BASE_URL}/oauth/callback"]
    if options["auth_method"] == AuthMethod.PRIVATE_KEY_JWT:
        steps.append(f"JWKS URL to register at the portal: {settings.BASE_URL}/.well-known/jwks.json")
    return steps


def _sentences(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
