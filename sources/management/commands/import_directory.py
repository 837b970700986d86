from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug

from organizations.models import Environment
from sources.directory import Tally, import_directory
from sources.listing import UnreadableDirectoryError


class Command(BaseCommand):
    help = "Import a User-access Brands Bundle (SMART App Launch 2.2) from a file into the catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the Bundle as JSON, plain or gzipped")
        parser.add_argument(
            "--environment",
            choices=Environment.values,
            default=Environment.SANDBOX if settings.SANDBOX else Environment.PRODUCTION,
            help="whose catalogue; only sandbox takes addresses on this machine (default: %(default)s)",
        )
        parser.add_argument("--vendor", help="the type of all its sources: epic, cerner, athena, …")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            vendor = options["vendor"] and options["vendor"].lower()
            if vendor is not None:
                validate_slug(vendor)
            content = options["file"].read_bytes()
            report = import_directory(content=content, environment=options["environment"], vendor=vendor)
        except ValidationError as error:
            raise CommandError("Write the vendor as a slug, such as epic.") from error
        except (OSError, UnreadableDirectoryError) as error:
            raise CommandError(f"Nothing was imported. {error}") from error
        self.stdout.write(f"Into the {options['environment']} catalogue:")
        self.stdout.write(f"Sources:    {_words(report.sources)}")
        self.stdout.write(f"Facilities: {_words(report.facilities)}")
        for refusal, count in report.refusals.most_common():
            self.stdout.write(f"Refused:    {count} × {refusal.value}")
        self.stderr.write("Patients are offered those whose vendor, or who themselves, have a client registration.")


def _words(tally: Tally) -> str:
    return f"{tally.added} added, {tally.updated} updated, {tally.unchanged} unchanged"
