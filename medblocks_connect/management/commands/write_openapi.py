"""`manage.py write_openapi`: make docs/openapi.json from the code. For development; a server only reads it."""

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Writes docs/openapi.json, the description of the API, from the code."

    def handle(self, *args: Any, **options: Any) -> None:
        # Here, because a server does not have what makes the document.
        from medblocks_connect.openapi.document import write

        write()
        self.stdout.write("docs/openapi.json is written.")
