"""The text of records, as PostgreSQL writes it: passed on, never parsed, so that 1.00 keeps its digits."""

import json
from dataclasses import dataclass

from django.db import connection as database

from patients.models import Patient

OWN_SYSTEM = "urn:medblocks:patient-id"

# Goes from one id to the next and stops at %(max_bytes)s: what comes after is not even read. A row that is gone has
# no text. A FHIR Patient carries the app's own id; what a portal may have sent under our name makes way for it.
_BODIES = """
WITH RECURSIVE taken(place, bytes, source_id, text) AS (
    SELECT 0, 0::bigint, NULL::text, NULL::text
    UNION ALL
    SELECT taken.place + 1, taken.bytes + coalesce(octet_length(found.text), 0), found.source_id, found.text
    FROM taken LEFT JOIN LATERAL (
        SELECT source_id::text, (
            CASE WHEN resource_type = 'Patient' AND jsonb_typeof(body) = 'object' THEN
                jsonb_set(body, '{identifier}', (
                    SELECT coalesce(jsonb_agg(entry ORDER BY nth), '[]') || %(own)s::jsonb
                    FROM jsonb_array_elements(
                        CASE jsonb_typeof(body -> 'identifier')
                            WHEN 'array' THEN body -> 'identifier'
                            WHEN 'object' THEN jsonb_build_array(body -> 'identifier')
                            ELSE '[]'
                        END
                    ) WITH ORDINALITY AS identifier(entry, nth)
                    WHERE entry ->> 'system' IS DISTINCT FROM %(system)s
                ))
            ELSE body END
        )::text AS text
        FROM records_record WHERE id = (%(ids)s::bigint[])[taken.place + 1]
        LIMIT 1
    ) AS found ON true
    WHERE taken.place < cardinality(%(ids)s::bigint[]) AND taken.bytes < %(max_bytes)s
)
SELECT source_id, text FROM taken WHERE place > 0 ORDER BY place
"""


@dataclass(frozen=True)
class Body:
    """A resource as JSON text, and the source that it came from."""

    source_id: str
    text: str


def bodies_of(ids: list[int], patient: Patient, max_bytes: int) -> list[Body | None]:
    """The bodies of these records of a patient, in this order, None for one that is gone.

    They end early, with the one that reaches `max_bytes`; the first is always there.
    """
    own = json.dumps([{"system": OWN_SYSTEM, "value": patient.reference}])
    with database.cursor() as cursor:
        cursor.execute(_BODIES, {"ids": ids, "max_bytes": max_bytes, "system": OWN_SYSTEM, "own": own})
        return [None if text is None else Body(source_id, text) for source_id, text in cursor.fetchall()]
