import os
from typing import Any

from django.core.management.base import BaseCommand

from sources.searching.index import build


class Command(BaseCommand):
    help = (
        "Build this machine's search index for the catalogue as it is now, unless it is there already. "
        "The server does so by itself; run it before the first start to have it ready."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(10)  # servers on the same machine answer meanwhile
        self.stdout.write(f"{build().searcher.num_docs} places can be searched.")
