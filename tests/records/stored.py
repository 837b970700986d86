"""Records that are there already, as pulls leave them: written by PostgreSQL from JSON text, many at once."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.utils import timezone

from common.ids import new_ulid
from patients.models import Connection, ConnectionStatus, Patient
from sources.models import Source
from tests.sources.catalogue import source

_STORE = """
INSERT INTO records_record
    (patient_id, connection_id, source_id, resource_type, resource_id, body, body_hash, created_at, updated_at)
SELECT %s, %s, %s, body ->> 'resourceType', body ->> 'id', body, sha256(convert_to(body::text, 'UTF8')), %s, %s
FROM (SELECT text::jsonb AS body, place FROM unnest(%s::text[]) WITH ORDINALITY AS given(text, place)) AS given
ORDER BY place
RETURNING id
"""


def connection_of(patient: Patient, at: Source | None = None, **fields: Any) -> Connection:
    """Access of the patient to a chart at this source, or at a new one; nobody had to sign in."""
    access = {"status": ConnectionStatus.ACTIVE, "access_token": "access", "refresh_token": "refresh"}
    return Connection.objects.create(
        patient=patient,
        source=at or source(),
        flow_id=new_ulid(),
        **access | {"fhir_patient_id": "chart-1"} | fields,
    )


def store(connection: Connection, resources: Iterable[dict[str, Any] | str], at: datetime | None = None) -> list[int]:
    """Write these resources, in this order; a text is JSON whose digits count. Their ids as records.

    One statement, whatever their number.
    """
    texts = [each if isinstance(each, str) else json.dumps(each) for each in resources]
    at = at or timezone.now()
    owner = [connection.patient_id, connection.pk, connection.source_id]
    with database.cursor() as cursor:
        cursor.execute(_STORE, [*owner, at, at, texts])
        return [record_id for (record_id,) in cursor.fetchall()]


def resource(resource_type: str, resource_id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": resource_id, **more}


def observations(count: int) -> list[dict[str, Any]]:
    """So many of them, `obs-0` first."""
    return [resource("Observation", f"obs-{number}", status="final") for number in range(count)]
