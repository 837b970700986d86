from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from organizations.management.lookup import find_organization
from organizations.operations import LONGEST_LIFE, create_api_key
from organizations.scopes import ALL_SCOPES


class Command(BaseCommand):
    help = "Create an API key for a workspace. Prints the key once: it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG", help="the workspace's id, or its name if only one has it")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--scope", action="append", choices=ALL_SCOPES, help="repeat for more; default: all")
        parser.add_argument("--expires-in-days", type=int, help="at most ten years; default: it does not expire")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _, secret = create_api_key(
                organization=find_organization(options["organization"]),
                name=options["name"],
                scopes=options["scope"],
                expires_at=_in_days(options["expires_in_days"]),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(secret)


def _in_days(days: int | None) -> datetime | None:
    """The moment so many days from now. What is too far away to be a date is only far enough to be refused."""
    if days is None:
        return None
    return timezone.now() + timedelta(days=max(-1, min(days, LONGEST_LIFE.days + 1)))
