"""Taking access back at the portal, in the background (RFC 7009)."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from procrastinate.contrib.django import app
from procrastinate.types import JSONDict

from common.encryption import InvalidToken, Sealed, sealed
from common.queueing import enqueue_once
from patients.models import Connection, Revocation
from sources.discovery import configuration_of
from sources.models import ClientRegistration, Source
from sources.portal_errors import PortalError
from sources.revocation_endpoint import NotRevoked, revoke_token
from sources.token_endpoint import Access

logger = logging.getLogger("medblocks.revocation")

TASK = "patients.tasks.revoke"
# After each attempt that failed. The one after the last is the end: about a day later.
WAITS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60, 12 * 60)]
# A portal that asks for more patience than this is asked again all the same.
LONGEST_WAIT = timedelta(hours=6)
# So long after its time, an attempt is believed to have died with its worker.
OVERDUE = timedelta(minutes=15)
AT_ONCE = 1000
SECRETS = ("refresh_token", "access_token", "registration__client_secret", "registration__private_key")


def with_sealed_tokens(connections: QuerySet[Connection]) -> QuerySet[Connection]:
    """Connections for `revocation_of`: their tokens are carried over unread, so that ending access needs no key."""
    return connections.defer("access_token", "refresh_token").annotate(
        sealed_access=sealed("access_token"), sealed_refresh=sealed("refresh_token")
    )


def revocation_of(connection: Connection, *, organization_id: str, now: datetime) -> Revocation:
    """What takes back the tokens of a connection that was read `with_sealed_tokens`; not saved yet."""
    return Revocation(
        organization_id=organization_id,
        source_id=connection.source_id,
        registration_id=connection.registration_id,
        refresh_token=_carried(connection, "sealed_refresh"),
        access_token=_carried(connection, "sealed_access"),
        next_attempt_at=now,
    )


def _carried(connection: Connection, name: str) -> Sealed | None:
    ciphertext: str | None = getattr(connection, name)
    return None if ciphertext is None else Sealed(ciphertext)


def revoke_tokens_later(
    tokens: Access, *, organization_id: str, source: Source, registration: ClientRegistration | None, now: datetime
) -> None:
    """Take back what a portal gave when there was nobody left to give it to."""
    revocation = Revocation(
        organization_id=organization_id,
        source=source,
        registration=registration,
        refresh_token=tokens.refresh,
        access_token=tokens.access,
        next_attempt_at=now,
    )
    revoke_later([revocation])


def revoke_later(revocations: Iterable[Revocation]) -> None:
    """Save what has tokens, with a job each, in the caller's transaction if there is one."""
    with_tokens = [each for each in revocations if each.refresh_token or each.access_token]
    if not with_tokens:
        return
    with transaction.atomic():
        Revocation.objects.bulk_create(with_tokens)
        jobs: list[JSONDict] = [{"revocation_id": each.pk} for each in with_tokens]
        app.configure_task(TASK).batch_defer(*jobs)


def revoke(revocation_id: str, now: datetime) -> None:
    """One attempt. Does nothing for a revocation that is done or given up.

    Doing it twice is harmless: a portal that no longer knows a token says so with success (RFC 7009 2.2). Must not
    be called inside a transaction.
    """
    waiting = Revocation.objects.select_related("source", "registration", "organization")
    # Secrets are read when they are needed: see what happens where their key was lost.
    lazily = waiting.defer(*SECRETS)
    revocation = lazily.filter(pk=revocation_id, given_up_at=None).first()
    if revocation is None:
        return
    try:
        _revoke_at_portal(revocation, now)
    except InvalidToken:
        _give_up(revocation, NotRevoked("The key that these tokens were encrypted with is lost."), now)
    except PortalError as error:
        _not_yet(revocation, error, now)
    else:
        Revocation.objects.filter(pk=revocation.pk).delete()
        logger.info("revoked", extra={"source_id": revocation.source_id, "outcome": "revoked"})


def _revoke_at_portal(revocation: Revocation, now: datetime) -> None:
    """The refresh token first: it would bring new access tokens. Nothing to do at a portal that cannot revoke."""
    configuration = configuration_of(revocation.source)
    if configuration.revocation_endpoint is None:
        return
    registration = revocation.registration or ClientRegistration.objects.best_for(
        revocation.source, revocation.organization
    )
    if registration is None:
        raise NotRevoked("There is no client registration for this source any more.")
    for kind, token in (("refresh_token", revocation.refresh_token), ("access_token", revocation.access_token)):
        if token:
            revoke_token(
                registration.client,
                token=token,
                kind=kind,
                configuration=configuration,
                reach=revocation.source.reach,
                now=now,
            )


def _not_yet(revocation: Revocation, error: PortalError, now: datetime) -> None:
    if revocation.attempts >= len(WAITS):
        _give_up(revocation, error, now)
        return
    asked_for = min(error.retry_after or timedelta(0), LONGEST_WAIT) if isinstance(error, NotRevoked) else timedelta(0)
    later = now + max(WAITS[revocation.attempts], asked_for)
    with transaction.atomic():
        # Of two workers at the same attempt, one goes on with it.
        same = Revocation.objects.filter(pk=revocation.pk, attempts=revocation.attempts, given_up_at=None)
        if same.update(
            attempts=revocation.attempts + 1, next_attempt_at=later, last_error=error.description
        ) and not _enqueue(revocation.pk, later):
            logger.info("revocation is queued already", extra={"source_id": revocation.source_id})


def _give_up(revocation: Revocation, error: PortalError, now: datetime) -> None:
    """Stop trying; the tokens go, the row stays for staff."""
    waiting = Revocation.objects.filter(pk=revocation.pk, given_up_at=None)
    given_up = waiting.update(
        attempts=revocation.attempts + 1,
        next_attempt_at=None,
        given_up_at=now,
        refresh_token=None,
        access_token=None,
        last_error=error.description,
    )
    if given_up:
        logger.error(
            "revocation %s given up: %s",
            revocation.pk,
            error.description,
            extra={"source_id": revocation.source_id, "outcome": "given_up"},
        )


def enqueue_overdue(now: datetime) -> int:
    """Queue the attempts whose worker died before it could note what came of them; their number."""
    overdue = Revocation.objects.filter(given_up_at=None, next_attempt_at__lte=now - OVERDUE).order_by(
        "next_attempt_at"
    )
    return sum(_enqueue(pk, now) for pk in overdue.values_list("pk", flat=True)[:1000])


def _enqueue(revocation_id: str, at: datetime) -> bool:
    """Queue one attempt. False where one is queued already."""
    return enqueue_once(TASK, lock=f"patients.revocation.{revocation_id}", at=at, revocation_id=revocation_id)
