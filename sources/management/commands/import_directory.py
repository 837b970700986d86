import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from tqdm import tqdm

from organizations.models import Environment
from sources.imports import ImportRefusedError, Report, import_file, import_url
from sources.imports.running import is_url


class Command(BaseCommand):
    help = (
        "Import directories of portals and places into the catalogue, from files or URLs: User-access Brands "
        "Bundles, Lantern's lists, plain lists of name and FHIR base URL; JSON or CSV, plain or gzipped. Each one is "
        "imported whole or not at all, and says what it changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("origins", nargs="+", metavar="FILE_OR_URL")
        parser.add_argument(
            "--environment",
            choices=Environment.values,
            default=Environment.SANDBOX if settings.SANDBOX else Environment.PRODUCTION,
            help="whose catalogue; only sandbox takes addresses on this machine (default: %(default)s)",
        )
        parser.add_argument("--vendor", help="the type of all its sources: epic, cerner, athena, …")
        parser.add_argument(
            "--directory",
            metavar="NAME",
            help="which directory this is an edition of (default: the URL, or the file's name without its date)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument(
            "--force", action="store_true", help="even if more than 10 %% of what was listed is retired"
        )
        parser.add_argument("--watch", action="store_true", help="import the URL again every week")
        parser.add_argument(
            "--verbose", action="store_true", help="name everything that changed, not the first of each"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        failed = [origin for origin in options["origins"] if not self._import(origin, options)]
        if failed and len(options["origins"]) > 1:
            raise CommandError(f"Not imported: {', '.join(failed)}.")
        if failed:
            raise CommandError("Nothing was imported.")
        self.stderr.write("Patients are offered those whose vendor, or who themselves, have a client registration.")

    def _import(self, origin: str, options: dict[str, Any]) -> bool:
        with Progress(origin, is_shown=sys.stderr.isatty()) as progress:
            order = {
                "environment": options["environment"],
                "vendor": options["vendor"] and options["vendor"].lower(),
                "directory": options["directory"],
                "force": options["force"],
                "dry_run": options["dry_run"],
                "is_watched": True if options["watch"] else None,
            }
            try:
                if is_url(origin):
                    report = import_url(origin, progress=progress, all_names=options["verbose"], **order)
                else:
                    report = import_file(Path(origin), progress=progress, all_names=options["verbose"], **order)
            except ImportRefusedError as error:
                progress.close()
                self.stderr.write(f"{origin}: {error}")
                return False
        self._print(report)
        return True

    def _print(self, report: Report) -> None:
        what = "would be imported" if report.dry_run else "import"
        self.stdout.write(f"{report.directory} ({what}{'' if report.dry_run else f' {report.import_id}'})")
        self.stdout.write(f"Into the {report.environment} catalogue:")
        for line in report.lines:
            self.stdout.write(line)
        if report.dry_run:
            self.stdout.write("This was a dry run: nothing was imported.")


class Progress:
    """A bar on the terminal: bytes read, then a word that they are being stored. Nothing where it is not shown."""

    def __init__(self, origin: str, *, is_shown: bool) -> None:
        name = origin.rsplit("/", 1)[-1][:40]
        self._bar = tqdm(desc=name, unit="B", unit_scale=True, leave=False, disable=not is_shown, file=sys.stderr)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, done: int, total: int) -> None:
        if done < self._bar.n:  # from downloading to reading
            self._bar.reset()
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)
        if total and done >= total:
            self._bar.set_postfix_str("storing")

    def close(self) -> None:
        self._bar.close()


def _check(options: dict[str, Any]) -> None:
    urls = [origin for origin in options["origins"] if is_url(origin)]
    if options["watch"] and len(urls) < len(options["origins"]):
        raise CommandError("Only a URL can be watched.")
    if options["directory"] and len(options["origins"]) > 1:
        raise CommandError("Several files are several directories: import them one by one to name them.")
    try:
        if options["vendor"]:
            validate_slug(options["vendor"])
    except ValidationError as error:
        raise CommandError("Write the vendor as a slug, such as epic.") from error
