"""What becomes of a connection's tokens, as single conditional updates of its row.

Each asks for the version of the tokens that it is about: who comes too late changes nothing.
"""

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from patients.events import tell_of_connection
from patients.models import Connection, ConnectionStatus, FailureCode, Renewal, RenewalOutcome
from sources.portal_errors import PortalError
from sources.token_endpoint import Access
from webhooks.events import EventType

# Portals forget refresh tokens that nobody uses; some within days.
IDLE = timedelta(hours=20)
_SPREAD = timedelta(hours=4)
# Longer than a portal may take (5 s for discovery, 20 s for the token): after it, whoever was spending the token is
# believed dead. Not much longer: portals that forgive a token used twice do so for half a minute or so.
LEASE = timedelta(seconds=28)
# After each failure in a row; then always the last.
WAITS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60)]
NO_ACCESS = {
    "access_token": None,
    "refresh_token": None,
    "access_obtained_at": None,
    "access_expires_at": None,
    "consent_expires_at": None,
    "spending_since": None,
    "refresh_failures": 0,
    "refresh_due_at": None,
}


def due_after(now: datetime) -> datetime:
    """When access is renewed although nobody asked for it: within a day, and not for all at once."""
    return now + IDLE + random.random() * _SPREAD  # noqa: S311  no secret


def begin(connection: Connection, now: datetime) -> bool:
    """Note that the refresh token of this version is being spent. False where somebody else does, or has done so.

    The note is committed before the portal is asked. Where an older one was left by a worker that died, nobody
    knows whether the portal answered: staff can read so.
    """
    abandoned = Q(spending_since__lte=now - LEASE)
    with transaction.atomic():
        if not _same(connection).filter(Q(spending_since=None) | abandoned).update(spending_since=now):
            return False
        if connection.spending_since is not None:
            note(connection, RenewalOutcome.INTERRUPTED, now)
    connection.spending_since = now
    return True


def store(connection: Connection, access: Access, now: datetime) -> bool:
    """Put the new tokens in place of the old ones. False where the connection has gone on without them.

    A portal that sends no new refresh token keeps the old one (RFC 6749, 6).
    """
    with transaction.atomic():
        stored = _being_spent(connection).update(
            access_token=access.access,
            refresh_token=access.refresh or connection.refresh_token,
            access_obtained_at=now,
            access_expires_at=access.expires_at,
            consent_expires_at=access.consent_expires_at or connection.consent_expires_at,
            scopes=access.scopes,
            token_version=connection.token_version + 1,
            spending_since=None,
            refresh_failures=0,
            refresh_due_at=due_after(now),
        )
        if stored:
            note(connection, RenewalOutcome.RENEWED, now)
    return bool(stored)


def end_rejected(connection: Connection, error: PortalError, now: datetime) -> None:
    """The portal says the refresh token is not good any more: the patient has to sign in again, and the app is told."""
    with transaction.atomic():
        ended = _being_spent(connection).update(
            status=ConnectionStatus.REFRESH_FAILED,
            failure_code=FailureCode.REFRESH_REJECTED,
            failure_at=now,
            updated_at=now,
            **NO_ACCESS,
        )
        if ended:
            note(connection, RenewalOutcome.REJECTED, now, error)
            tell_of_connection(connection.pk, EventType.CONNECTION_TOKEN_REFRESH_FAILED, now)


def end_expired(connection: Connection, now: datetime) -> None:
    """Access for one time is over: there is nothing to renew it with."""
    with transaction.atomic():
        ended = _same(connection).filter(refresh_token=None, access_expires_at__lte=now)
        if ended.update(status=ConnectionStatus.EXPIRED, updated_at=now, **NO_ACCESS):
            note(connection, RenewalOutcome.ENDED, now)


def postpone(connection: Connection, outcome: RenewalOutcome, error: PortalError, now: datetime) -> datetime:
    """Nothing changed at the portal, as far as we know. When to try again."""
    later = now + WAITS[min(connection.refresh_failures, len(WAITS) - 1)]
    with transaction.atomic():
        if _being_spent(connection).update(
            spending_since=None, refresh_failures=connection.refresh_failures + 1, refresh_due_at=later
        ):
            note(connection, outcome, now, error)
    return later


def note(connection: Connection, outcome: RenewalOutcome, now: datetime, error: PortalError | None = None) -> None:
    """Append a line to the trail."""
    Renewal.objects.create(
        connection_id=connection.pk,
        outcome=outcome,
        portal_code=error.portal_code if error else "",
        portal_description=error.description if error else "",
        at=now,
    )


def _same(connection: Connection) -> QuerySet[Connection]:
    """The row, if its tokens are still the ones at hand."""
    return Connection.objects.filter(
        pk=connection.pk, status=ConnectionStatus.ACTIVE, token_version=connection.token_version
    )


def _being_spent(connection: Connection) -> QuerySet[Connection]:
    """The row, if it is still we who spend its refresh token."""
    return _same(connection).filter(spending_since=connection.spending_since)
