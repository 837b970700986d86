"""Pages as they are read of answers of the portal at BASE about its patient p-1."""

import json
from typing import Any

from django.db import connection

from records.fhir import Page
from records.fhir.pages import page_of
from records.fhir.references import Chart

BASE = "https://portal.example/fhir/r4"
ASKED = f"{BASE}/Observation?patient=1"
TOKEN = "secret-token"
CHART = Chart(BASE, "p-1")


def page(body: Any) -> Page:
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return page_of(body, CHART, asked=ASKED, token=TOKEN)


def ids(of: Page) -> list[str]:
    return [found.resource_id for found in of.found]


def observation(number: int | str, **rest: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": str(number), **rest}


def stored(text: str) -> list[str]:
    """What PostgreSQL makes of the entries of a page."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM jsonb_array_elements(%s::jsonb -> 'entry') e", [text])
        return [row[0] for row in cursor.fetchall()]
