"""Access tokens that are good, however many workers ask for them and whatever portals do.

A refresh token may work only once: some portals end all access when one is used twice. So it is spent by one worker
at a time; the others wait for what it gets. What happens to the row is in `renewal.py`.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from patients import renewal
from patients.models import Connection, ConnectionStatus, RenewalOutcome
from patients.revocations import revoke_tokens_later
from sources.discovery import configuration_of
from sources.models import ClientRegistration
from sources.portal_errors import ExchangeRefused, PortalError
from sources.token_endpoint import Access
from sources.token_refresh import refresh

# A token is renewed so long before its end, or at half its life where that is shorter.
AHEAD = timedelta(seconds=60)
# How long to wait for a worker that is renewing the same token.
PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.1
# OAuth's word for a refresh token that is not good (any more). All other refusals are about us.
_NOT_GOOD = "invalid_grant"


class AccessEnded(Exception):
    """There is no access, and there will be none until the patient signs in again."""


class AccessUnavailable(Exception):
    """The token is over and the portal did not renew it. Try again at `retry_at`."""

    def __init__(self, problem: str, retry_at: datetime) -> None:
        super().__init__(problem)
        self.retry_at = retry_at


@dataclass(frozen=True)
class AccessToken:
    """A token to ask with. Tell `refuse` its version if the portal does not take it."""

    text: str = field(repr=False)
    version: int


def access_token(connection_id: str) -> AccessToken:
    """A token that is good for a while, renewed first if need be. Must not be called inside a transaction.

    Among any number of callers one asks the portal. Raises AccessEnded or AccessUnavailable.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = timezone.now()
        connection = _active(connection_id)
        if not _is_due(connection, now):
            return _at_hand(connection)
        if connection.refresh_token is None or _was_refused_lately(connection, now):
            return _last_resort(connection, now)
        if _may_spend(connection, now):
            return _renewed(connection, now)
        if time.monotonic() > deadline:
            raise AccessUnavailable("Another worker has been renewing the access for too long.", now + renewal.LEASE)
        time.sleep(_POLL_SECONDS)


def refuse(connection_id: str, version: int) -> None:
    """The portal did not take the token of this version: the next one who asks gets another."""
    Connection.objects.filter(pk=connection_id, status=ConnectionStatus.ACTIVE, token_version=version).update(
        access_expires_at=timezone.now()
    )


def renew_idle(connection_id: str, now: datetime) -> None:
    """Renew access that nobody used lately, or note that it is over. Does nothing before its time.

    Must not be called inside a transaction.
    """
    due = Connection.objects.filter(pk=connection_id, status=ConnectionStatus.ACTIVE, refresh_due_at__lte=now)
    connection = _with_all(due)
    if connection is None:
        return
    try:
        if connection.refresh_token is None:
            _last_resort(connection, now)
        elif _may_spend(connection, now):
            _renewed(connection, now)
    except (AccessEnded, AccessUnavailable):
        return  # the trail has it, and the row its next time


def _active(connection_id: str) -> Connection:
    connection = _with_all(Connection.objects.filter(pk=connection_id))
    if connection is None or connection.status != ConnectionStatus.ACTIVE:
        raise AccessEnded("There is no access any more.")
    return connection


def _with_all(rows: QuerySet[Connection]) -> Connection | None:
    return rows.select_related("source", "registration", "patient__organization").first()


def _is_due(connection: Connection, now: datetime) -> bool:
    """Whether it is time to renew. A token of unknown life is used until the portal refuses it."""
    if connection.access_expires_at is None:
        return False
    obtained = connection.access_obtained_at
    ahead = min(AHEAD, (connection.access_expires_at - obtained) / 2) if obtained else AHEAD
    return connection.access_expires_at <= now + max(ahead, timedelta(0))


def _was_refused_lately(connection: Connection, now: datetime) -> bool:
    waits = connection.refresh_failures and connection.refresh_due_at is not None
    return bool(waits and connection.refresh_due_at and connection.refresh_due_at > now)


def _last_resort(connection: Connection, now: datetime) -> AccessToken:
    """The token at hand, if it is good for a moment still."""
    if connection.access_expires_at is None or connection.access_expires_at > now:
        return _at_hand(connection)
    if connection.refresh_token is None:
        renewal.end_expired(connection, now)
        raise AccessEnded("The access was for one time, and is over.")
    raise AccessUnavailable("The portal did not renew the access.", connection.refresh_due_at or now)


def _at_hand(connection: Connection) -> AccessToken:
    return AccessToken(connection.access_token or "", connection.token_version)


def _may_spend(connection: Connection, now: datetime) -> bool:
    """Whether it is we who spend the refresh token. Where to spend it is found out before: the less happens between
    the note and the answer, the fewer answers are lost with a worker that dies."""
    with suppress(PortalError):  # asked again afterwards, where it is noted
        configuration_of(connection.source)
    return renewal.begin(connection, now)


def _renewed(connection: Connection, now: datetime) -> AccessToken:
    """Ask the portal, and note what came of it. `_may_spend` has been called."""
    try:
        access = _asked(connection, now)
    except ExchangeRefused as error:
        if error.portal_code == _NOT_GOOD:
            renewal.end_rejected(connection, error, timezone.now())
            raise AccessEnded("The portal has ended the access.") from error
        raise _postponed(connection, RenewalOutcome.REFUSED, error) from error
    except PortalError as error:
        raise _postponed(connection, RenewalOutcome.UNREACHABLE, error) from error
    if renewal.store(connection, access, timezone.now()):
        return AccessToken(access.access, connection.token_version + 1)
    return _of_whoever_came_first(connection, access)


def _asked(connection: Connection, now: datetime) -> Access:
    source, organization = connection.source, connection.patient.organization
    registration = connection.registration or ClientRegistration.objects.best_for(source, organization)
    if registration is None:
        raise ExchangeRefused("There is no client registration for this source any more.")
    return refresh(
        registration.client,
        token_endpoint=configuration_of(source).token_endpoint,
        reach=source.reach,
        refresh_token=connection.refresh_token or "",
        scopes=connection.scopes,
        now=now,
    )


def _postponed(connection: Connection, outcome: RenewalOutcome, error: PortalError) -> AccessUnavailable:
    return AccessUnavailable(error.description, renewal.postpone(connection, outcome, error, timezone.now()))


def _of_whoever_came_first(connection: Connection, access: Access) -> AccessToken:
    """The patient disconnected, signed in again or was erased while the portal was answering.

    Nobody is to have access that nobody knows of. Where the patient has signed in again, the portal may take both
    for one, so what it just gave is only forgotten.
    """
    try:
        return _at_hand(_active(connection.pk))
    except AccessEnded:
        revoke_tokens_later(
            access,
            organization_id=connection.patient.organization_id,
            source=connection.source,
            registration=connection.registration,
            now=timezone.now(),
        )
        raise
