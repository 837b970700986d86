"""Storing what came, page by page: one statement, which writes nothing for what did not change."""

import json
from dataclasses import dataclass

from django.db import DataError, OperationalError, transaction
from django.db import connection as database

from patients.models import Connection
from records.fhir import Found, Page

# Bodies are written by PostgreSQL from the text that was received, so that decimals keep their digits (FHIR R4, 2.24).
# Times are of the moment of writing, with the patient held: an app that polls for changes misses none of them.
# What is there with the same hash is left alone before anything is written or locked. It is looked up one by one, and
# the type is compared in a way that no index of types fits: statistics know nothing yet of what a first pull has just
# written, and by them PostgreSQL would rather walk through all that the patient has of a type.
_STORE = """
WITH given AS MATERIALIZED (
    SELECT wanted.resource_type, wanted.resource_id, bundle.entry -> 'resource' AS body
    FROM unnest(%(types)s::text[], %(ids)s::text[], %(places)s::bigint[])
        AS wanted(resource_type, resource_id, place)
    JOIN jsonb_array_elements(%(text)s::jsonb -> 'entry') WITH ORDINALITY AS bundle(entry, place) USING (place)
), hashed AS MATERIALIZED (
    SELECT *, sha256(convert_to(body::text, 'UTF8')) AS body_hash FROM given
)
INSERT INTO records_record AS known
    (patient_id, connection_id, source_id, resource_type, resource_id, body, body_hash, created_at, updated_at)
SELECT %(patient)s, %(connection)s, %(source)s, resource_type, resource_id, body, body_hash, stamp.now, stamp.now
FROM hashed, (SELECT clock_timestamp() AS now) AS stamp
WHERE body_hash IS DISTINCT FROM (
    SELECT here.body_hash FROM records_record AS here
    WHERE here.patient_id = %(patient)s AND here.source_id = %(source)s
        AND here.resource_id = hashed.resource_id AND here.resource_type || '' = hashed.resource_type
)
ORDER BY resource_type, resource_id
ON CONFLICT (patient_id, source_id, resource_type, resource_id) DO UPDATE
    SET body = excluded.body, body_hash = excluded.body_hash, updated_at = excluded.updated_at
RETURNING xmax = 0
"""


@dataclass(frozen=True)
class Stored:
    """What a page brought: resources that were not here, that were here otherwise, and that PostgreSQL cannot keep."""

    added: int = 0
    changed: int = 0
    unusable: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.added + other.added, self.changed + other.changed, self.unusable + other.unusable)


def store(connection: Connection, page: Page) -> Stored:
    """Store the resources of a page: what is the same as here is not written.

    Call it in a transaction that holds the patient (patients/holding.py), which also keeps two pages of one patient
    from waiting for each other's rows.
    """
    if not page.found:
        return Stored()
    try:
        with transaction.atomic():
            return _stored(connection, page.text, page.found)
    except (DataError, OperationalError) as error:
        # JSON that jsonb cannot hold: NUL characters, half surrogates, endless numbers, too deep.
        if isinstance(error, OperationalError) and not _is_too_deep(error):
            raise
        return _one_by_one(connection, page)


def _stored(connection: Connection, text: str, found: tuple[Found, ...]) -> Stored:
    with database.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "types": [each.resource_type for each in found],
                "ids": [each.resource_id for each in found],
                "places": [each.index + 1 for each in found],
                "text": text,
                "patient": connection.patient_id,
                "connection": connection.pk,
                "source": connection.source_id,
            },
        )
        are_new = [is_new for (is_new,) in cursor.fetchall()]
    return Stored(added=sum(are_new), changed=len(are_new) - sum(are_new))


def _one_by_one(connection: Connection, page: Page) -> Stored:
    """Keep what can be kept. (Here alone decimals go through Python, which may write 1.00 as 1.0.)"""
    entries = json.loads(page.text)["entry"]
    total = Stored()
    for each in page.found:
        text = json.dumps({"entry": [{"resource": entries[each.index]["resource"]}]}, ensure_ascii=False)
        alone = Found(each.resource_type, each.resource_id, 0, each.references)
        try:
            with transaction.atomic():
                total += _stored(connection, text, (alone,))
        except (DataError, UnicodeError, ValueError):
            total += Stored(unusable=1)
    return total


def _is_too_deep(error: OperationalError) -> bool:
    """PostgreSQL's `stack depth limit exceeded` (54001)."""
    return getattr(error.__cause__, "sqlstate", "") == "54001"
