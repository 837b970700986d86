"""Closing the sign-ins that nobody will finish any more."""

from contextlib import suppress
from datetime import datetime

from django.db import transaction

from flows.models import Authorization, EventKind, Outcome
from flows.sign_in import fail
from flows.trail import record
from patients.holding import PatientErased
from sources.portal_errors import PortalError

# Of each kind, in one sweep.
LIMIT = 2000


class Interrupted(PortalError):
    failure_code = Outcome.TOKEN_EXCHANGE_FAILED


def give_up_lapsed(now: datetime) -> int:
    """Close the sign-ins that nobody will finish any more; their number. At most twice LIMIT.

    Those nobody came back from are abandoned; a patient who comes back later still is told that it
    took too long. Those whose exchange a dying process left behind have failed.
    """
    given_up = 0
    for authorization in Authorization.objects.abandoned(now).select_related("flow")[:LIMIT]:
        waiting = Authorization.objects.filter(pk=authorization.pk, outcome=Outcome.PENDING, redeemed_at=None)
        with transaction.atomic():
            if waiting.update(outcome=Outcome.ABANDONED, finished_at=now, verifier=""):
                record(authorization, EventKind.ABANDONED, now, code=Outcome.ABANDONED)
                given_up += 1
    interrupted = Authorization.objects.interrupted(now).select_related("flow__patient", "source")
    for authorization in interrupted[:LIMIT]:
        with suppress(PatientErased):  # the sign-in went with the patient
            fail(authorization, Interrupted("The exchange of the code was interrupted on our side."), now)
            given_up += 1
    return given_up
