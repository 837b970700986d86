from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sources.imports import ImportRefusedError, roll_back


class Command(BaseCommand):
    help = (
        "Take an import back: what it changed returns to how it was, what it added goes. What later imports or "
        "staff changed stays, and is named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="as the import printed it, and as the admin shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = roll_back(options["id"])
        except ImportRefusedError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(result.sentence)
