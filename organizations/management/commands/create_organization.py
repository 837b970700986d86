from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations.models import Environment, Organization
from organizations.operations import create_organization


class Command(BaseCommand):
    help = "Create a workspace. Prints its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--environment", required=True, choices=Environment.values)
        parser.add_argument("--contact-email", default="", help="who is told by mail when webhooks fail")

    def handle(self, *args: Any, **options: Any) -> None:
        known = Organization.objects.filter(name=options["name"], environment=options["environment"]).first()
        if known is not None:
            raise CommandError(f"There is a {known.environment} workspace of this name already: {known.id}")
        try:
            organization = create_organization(
                name=options["name"], environment=options["environment"], contact_email=options["contact_email"]
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(organization.id)
