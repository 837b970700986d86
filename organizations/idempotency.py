"""Idempotency keys: a POST that is sent again is not done again (contract §2, ADR 0019).

The row of a key, what the request makes and the answer are written in one transaction. Whoever sends the same key
meanwhile waits for it at the unique constraint. So there is either everything or nothing, whatever ends the process.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from common.encryption import InvalidToken
from common.errors import Conflict, InvalidRequest, Unavailable
from common.ids import first_ulid_at, new_ulid
from common.turns import waiting_outside
from organizations import keys
from organizations.models import IdempotencyKey, Organization, patient_digest

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
KEPT = timedelta(hours=24)
# How long a request waits for another with the same key.
WAIT_SECONDS = 5
PURGE_BATCH = 1000
_LOCK_NOT_AVAILABLE = "55P03"
_CLAIM = """
    INSERT INTO organizations_idempotencykey AS kept (id, organization_id, key_digest, patient_digest)
    VALUES (%s, %s, %s, '')
    ON CONFLICT (organization_id, key_digest) DO UPDATE SET id = excluded.id, patient_digest = '', answer = NULL
    WHERE kept.id < %s
    RETURNING id
"""


@dataclass(frozen=True)
class Answer:
    """What a request was answered, and whom the answer is about."""

    status: int
    body: Any
    patient_reference: str | None = None


def key_in(header: str | None) -> str | None:
    """The key in a header's value; None where there is no header. Raises InvalidRequest for one that is no key.

    A header that is sent twice arrives as one value with a comma. So a key has none.
    """
    if header is None:
        return None
    key = header.strip(" \t")
    if not key or len(key) > MAX_LENGTH or "," in key or not (key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"Send one Idempotency-Key of 1 to {MAX_LENGTH} printable ASCII characters without commas, such as a UUID.",
            param=HEADER,
        )
    return key


def fingerprint(*, method: str, path: str, version: str, body: Any) -> str:
    """What makes two requests the same. The order of a body's fields and the spaces between them do not."""
    canonical = json.dumps([method, path, version, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def answer_once(
    *, organization: Organization, key: str, request: str, work: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """The answer of `work`, done now or before, and whether it was before. `request` is a fingerprint.

    What `work` raises undoes everything, and the key can be used again. Raises Conflict where the key was used for
    another request or its patient was erased, and Unavailable where another request with it takes too long.
    """
    with _alone(f"{organization.pk} {key}"), transaction.atomic(durable=True):
        row_id = _claim(organization, keys.digest(key))
        if row_id is not None:
            answer = work()
            _keep(row_id, organization, request, answer)
            return answer, False
        stored = _stored(organization, keys.digest(key))
    if stored is None:
        raise Conflict(
            f"This {HEADER} was used for a patient who has been deleted since. To make them anew, use a new one.",
            param=HEADER,
        )
    kept = json.loads(stored)
    if kept["request"] != request:
        raise Conflict(
            f"This {HEADER} was used for another request. Use a new one for each thing you do.", param=HEADER
        )
    return Answer(status=kept["status"], body=kept["body"]), True


def _stored(organization: Organization, key_digest: str) -> str | None:
    try:
        kept: str | None = IdempotencyKey.objects.get(organization=organization, key_digest=key_digest).answer
    except InvalidToken as error:
        raise Conflict(
            f"The answer to this {HEADER} can no longer be read. It was done; look at what there is.", param=HEADER
        ) from error
    return kept


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Wait here, while another request of this process has the same key: without a turn, and without a connection
    to the database, which others need. Requests of other processes wait at the unique constraint."""
    with _changed:
        if name in _in_work:
            with waiting_outside():
                is_free = _changed.wait_for(lambda: name not in _in_work, timeout=WAIT_SECONDS)
            if not is_free:
                raise _not_done_yet()
        _in_work.add(name)
    try:
        yield
    finally:
        with _changed:
            _in_work.discard(name)
            _changed.notify_all()


_in_work: set[str] = set()
_changed = threading.Condition()


def _not_done_yet() -> Unavailable:
    return Unavailable(f"Another request with this {HEADER} is not done yet. Try again in a moment.")


def purge(now: datetime) -> int:
    """Delete the answers that are older than a day, some at a time; their number."""
    purged = 0
    while True:
        old = IdempotencyKey.objects.made_before(now - KEPT).order_by("pk").values("pk")[:PURGE_BATCH]
        deleted, _ = IdempotencyKey.objects.filter(pk__in=old).delete()
        purged += deleted
        if deleted < PURGE_BATCH:
            return purged


def _claim(organization: Organization, key_digest: str) -> str | None:
    """Make the key's row, or take over one whose day is over: then its id. None where it is in use.

    Waits until a transaction that holds the same key has ended.
    """
    oldest = first_ulid_at(timezone.now() - KEPT)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_SECONDS}s"])
            cursor.execute(_CLAIM, [new_ulid(), organization.pk, key_digest, oldest])
            found = cursor.fetchone()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise _not_done_yet() from error
        raise
    return found[0] if found else None


def _keep(row_id: str, organization: Organization, request: str, answer: Answer) -> None:
    """Store the answer. The request's digest is encrypted too: one could guess what it is made of."""
    stored = json.dumps({"request": request, "status": answer.status, "body": answer.body}, ensure_ascii=False)
    reference = answer.patient_reference
    IdempotencyKey.objects.filter(pk=row_id).update(
        answer=stored, patient_digest="" if reference is None else patient_digest(organization, reference)
    )
