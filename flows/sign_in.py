"""A patient's trip to a portal and back: starting it, and finishing it whatever comes back.

Every exit is an outcome on the Authorization and a line in its trail. Sources: RFC 6749 4.1,
RFC 7636 (PKCE), RFC 9207 (`iss`), RFC 9700 (state bound to the browser), SMART App Launch 2.2.
"""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from flows import links
from flows.closing import complete_direct_flow
from flows.models import STATE_LIFETIME, Authorization, EventKind, Outcome, PatientFlow
from flows.sign_in_errors import (
    CallbackFailed,
    NotRegistered,
    OtherBrowser,
    PlaceGone,
    StateExpired,
    UnknownState,
    UserDenied,
)
from flows.trail import record
from patients.holding import PatientErased, holding
from patients.models import Connection
from patients.operations import connect, note_failed_attempt
from patients.revocations import revoke_tokens_later
from records.operations import pull_after_sign_in
from sources.discovery import configuration_of
from sources.models import ClientRegistration, Facility, Source
from sources.portal_errors import PortalError
from sources.smart import SmartConfiguration, authorization_url, scopes_for
from sources.token_endpoint import Tokens, exchange_code


@dataclass(frozen=True)
class Callback:
    """What a portal sent the browser back with. Absent parameters are empty."""

    state: str
    code: str = ""
    error: str = ""
    error_description: str = ""
    iss: str = ""


def redirect_uri() -> str:
    """The one redirect URI that is registered at every portal."""
    return f"{settings.BASE_URL}/oauth/callback"


def start_authorization(
    *,
    flow: PatientFlow,
    source: Source,
    facility: Facility | None,
    registration: ClientRegistration | None,
    browser: str,
    now: datetime,
) -> tuple[Authorization, str | None]:
    """Begin a sign-in. Returns it and the portal's URL, or None where the portal's door is shut: without a
    registration it always is.

    In that case the outcome says why and the attempt is on the patient's record; or the flow was closed while the
    portal was asked where to sign in, and nothing was begun. The caller has checked that the source is offered.
    Raises PlaceGone where it, or the facility, left the catalogue meanwhile. Must not be called inside a transaction.
    """
    authorization = Authorization(
        flow=flow,
        source=source,
        facility=facility,
        registration=registration,
        state_digest=links.digest(state := secrets.token_urlsafe(32)),
        browser_digest=links.digest(browser),
        expires_at=now + STATE_LIFETIME,
    )
    try:
        if registration is None:
            raise NotRegistered
        configuration = configuration_of(source)
    except PortalError as error:
        with suppress(PatientErased):  # the sign-in went with the patient
            if _began(authorization, now, EventKind.STARTED):
                fail(authorization, error, now)
        return authorization, None
    return authorization, _send_off(authorization, configuration, state, now)


def _began(authorization: Authorization, now: datetime, *events: EventKind) -> bool:
    """Write the sign-in down, if its flow is still open. It cannot be closed in between."""
    try:
        with transaction.atomic():
            if not PatientFlow.objects.hold_open(authorization.flow, now):
                return False
            authorization.save(force_insert=True)
            for kind in events:
                record(authorization, kind, now)
    except IntegrityError as error:
        # While the portal was asked where to sign in, an import was taken back, and the place went with it.
        if _is_there(authorization.source) and _is_there(authorization.facility):
            raise
        raise PlaceGone from error
    return True


def _is_there(row: Source | Facility | None) -> bool:
    return row is None or type(row)._default_manager.filter(pk=row.pk).exists()


def _send_off(authorization: Authorization, configuration: SmartConfiguration, state: str, now: datetime) -> str | None:
    registration = authorization.registration
    assert registration is not None
    authorization.verifier = secrets.token_urlsafe(64)
    authorization.asked_scopes = scopes_for(configuration, registration.scopes)
    authorization.token_endpoint = configuration.token_endpoint
    authorization.issuer = configuration.issuer or ""
    authorization.expects_iss = configuration.sends_iss
    if not _began(authorization, now, EventKind.STARTED, EventKind.REDIRECTED):
        return None
    return authorization_url(
        configuration,
        client_id=registration.client_id,
        redirect_uri=redirect_uri(),
        scopes=authorization.asked_scopes,
        state=state,
        verifier=authorization.verifier,
        aud=authorization.source.fhir_base_url,
    )


def finish_authorization(*, callback: Callback, browser: str, now: datetime) -> Authorization:
    """Take what a portal sent back to its outcome. The same callback again returns the same outcome.

    Still pending means that another request is exchanging the code at this moment. Raises
    NotAccepted where the state is not known, be it that the patient was erased meanwhile, or another
    browser began the sign-in; its state stays good for the right browser. Must not be called inside a
    transaction.
    """
    authorization = Authorization.objects.with_state(callback.state)
    if authorization is None:
        raise UnknownState
    try:
        if not hmac.compare_digest(authorization.browser_digest, links.digest(browser)):
            with holding(authorization.flow.patient_id):
                record(authorization, EventKind.REFUSED, now, code="other_browser")
            raise OtherBrowser(authorization.flow)
        if _redeem(authorization, now):
            _finish(callback, authorization, now)
    except PatientErased as erased:
        raise UnknownState from erased
    return authorization


def _redeem(authorization: Authorization, now: datetime) -> bool:
    """Use up the state. False where that happened before; then the sign-in is as it has become since."""
    with holding(authorization.flow.patient_id):
        is_first = Authorization.objects.redeem(authorization, now)
        if is_first:
            record(authorization, EventKind.RETURNED, now)
        else:
            authorization.refresh_from_db()
    return is_first


def _finish(callback: Callback, authorization: Authorization, now: datetime) -> None:
    try:
        _check(callback, authorization, now)
        tokens = _exchange(callback, authorization, now)
    except PortalError as error:
        fail(authorization, error, now)
    else:
        _succeed(authorization, tokens, now)


def _check(callback: Callback, authorization: Authorization, now: datetime) -> None:
    """Raise the PortalError that the callback itself amounts to, if any."""
    if authorization.expires_at <= now:
        raise StateExpired("The patient came back later than the sign-in is good for.")
    # Before anything else of the answer is believed: is it from the portal we sent the patient to? (RFC 9207)
    # A portal whose issuer we do not know, or do not believe (sources/discovery.py), can only be its FHIR server.
    if callback.iss and callback.iss != (authorization.issuer or authorization.source.fhir_base_url):
        raise CallbackFailed(f"The answer is from another issuer: {callback.iss}", portal_code="iss_mismatch")
    if authorization.expects_iss and not callback.iss:
        raise CallbackFailed("The answer lacks the issuer that this portal always sends.", portal_code="iss_missing")
    if callback.error == "access_denied":
        raise UserDenied(callback.error_description, portal_code=callback.error)
    if callback.error:
        raise CallbackFailed(callback.error_description, portal_code=callback.error)
    if not callback.code:
        raise CallbackFailed("The portal sent neither a code nor an error.")


def _exchange(callback: Callback, authorization: Authorization, now: datetime) -> Tokens:
    registration = authorization.registration
    if registration is None:
        raise CallbackFailed("The client registration was deleted while the patient was at the portal.")
    return exchange_code(
        registration.client,
        token_endpoint=authorization.token_endpoint,
        reach=authorization.source.reach,
        code=callback.code,
        redirect_uri=redirect_uri(),
        verifier=authorization.verifier,
        asked_scopes=authorization.asked_scopes,
        now=now,
    )


def _succeed(authorization: Authorization, tokens: Tokens, now: datetime) -> None:
    """Keep the access. Where there is nobody or nothing any more to keep it for, the portal is to take it back."""
    try:
        is_kept = _keep(authorization, tokens, now)
    except PatientErased:
        _give_back(authorization, tokens, now)
        raise
    if not is_kept:
        _give_back(authorization, tokens, now)
    elif authorization.facility_id is not None:
        Facility.objects.chosen(authorization.facility_id)


def _give_back(authorization: Authorization, tokens: Tokens, now: datetime) -> None:
    revoke_tokens_later(
        tokens,
        organization_id=authorization.flow.organization_id,
        source=authorization.source,
        registration=authorization.registration,
        now=now,
    )


def _keep(authorization: Authorization, tokens: Tokens, now: datetime) -> bool:
    """Connect. False where the sign-in came to an end meanwhile; raises PatientErased where the patient did."""
    flow = authorization.flow
    with holding(flow.patient_id):
        if not _close(authorization, Outcome.CONNECTED, now):
            return False
        record(authorization, EventKind.EXCHANGED, now)
        connection = connect(
            patient=flow.patient,
            source=authorization.source,
            flow_id=flow.id,
            tokens=tokens,
            now=now,
            registration=authorization.registration,
        )
        pull_after_sign_in(connection, now)
        _attach(authorization, connection)
        record(authorization, EventKind.CONNECTED, now, code=Outcome.CONNECTED)
        complete_direct_flow(authorization, now)
    return True


def fail(authorization: Authorization, error: PortalError, now: datetime) -> None:
    """End a sign-in that came to nothing, unless it has an outcome already. Raises PatientErased."""
    flow = authorization.flow
    denied = error.failure_code == Outcome.USER_DENIED
    with holding(flow.patient_id):
        if not _close(authorization, error.failure_code, now):
            return
        connection = note_failed_attempt(
            patient=flow.patient,
            source=authorization.source,
            flow_id=flow.id,
            failure_code=error.failure_code,
            now=now,
        )
        _attach(authorization, connection)
        record(
            authorization,
            EventKind.DENIED if denied else EventKind.FAILED,
            now,
            code=error.failure_code,
            portal_code=error.portal_code,
            portal_description=error.description,
        )
        complete_direct_flow(authorization, now)


def _close(authorization: Authorization, outcome: str, now: datetime) -> bool:
    """Write the outcome; False where the sign-in has one already. A patient may still come back to an abandoned one."""
    unfinished = Authorization.objects.filter(pk=authorization.pk, outcome__in=[Outcome.PENDING, Outcome.ABANDONED])
    won = bool(unfinished.update(outcome=outcome, finished_at=now, verifier=""))
    authorization.refresh_from_db(fields=["outcome", "finished_at", "verifier"])
    return won


def _attach(authorization: Authorization, connection: Connection) -> None:
    authorization.connection = connection
    authorization.save(update_fields=["connection"])
