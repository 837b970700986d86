"""What our search is compared with: the substring search that a developer would write over the same rows."""

import time
from collections.abc import Sequence

from django.db.models import Q

from bench.mixes import Asked
from bench.report import Times
from sources.models import Facility

LIMIT = 20
# A mix stops here, as slow as it may be; the table says how many queries it was.
MOST_QUERIES, MOST_SECONDS = 100, 6.0


def substring_search(text: str) -> list[Facility]:
    """The facilities that have each word somewhere in their name, aliases, brand or city; by name."""
    found = Facility.objects.filter(retired_at=None).select_related("brand")
    for word in text.split():
        found = found.filter(
            Q(name__icontains=word)
            | Q(aliases__icontains=word)
            | Q(brand__name__icontains=word)
            | Q(city__icontains=word)
        )
    return list(found.order_by("name")[:LIMIT])


def sql_times(queries: Sequence[Asked]) -> Times:
    """How long the first of these queries take, as many as there is time for."""
    seconds: list[float] = []
    for asked in queries[:MOST_QUERIES]:
        started = time.perf_counter()
        substring_search(asked.text)
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > MOST_SECONDS:
            break
    return Times(seconds)
