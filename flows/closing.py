"""The end of a flow: complete or expired, and neither is ever taken back (docs/adr/0013)."""

from datetime import datetime

from django.db import transaction

from common.errors import Conflict, NotFound
from flows.events import tell_of_ends
from flows.models import Authorization, FlowStatus, PatientFlow, PatientFlowQuerySet
from patients.holding import PatientErased, holding

# An end is told to up to 100 endpoints, in the same transaction.
BATCH = 100
MAX_BATCHES = 500


def complete_flow(flow: PatientFlow, now: datetime) -> None:
    """The patient goes back to the app. Nothing happens to a flow that is closed already, or whose time is over."""
    _close(PatientFlow.objects.filter(pk=flow.pk, expires_at__gt=now), FlowStatus.COMPLETE, now)


def complete_direct_flow(authorization: Authorization, now: datetime) -> None:
    """In direct mode a return from the portal, good or bad, is the end of the flow; elsewhere nothing happens.

    It comes after what the sign-in led to has been written: the app is told of both.
    """
    if authorization.flow.is_direct and authorization.redeemed_at is not None:
        complete_flow(authorization.flow, now)


def expire_flow(flow: PatientFlow, now: datetime) -> None:
    """The app ends the link, at once. Nothing happens to a flow that is expired already, so that retries are safe.

    A patient who is at a portal at that moment still gets the connection; nobody leaves for one any more. `expires_at`
    stays what it was. Raises Conflict for a flow that is complete, NotFound for one deleted meanwhile.
    """
    try:
        # An answer about a patient is kept for its idempotency key: an erasure has to come before it or find it.
        with holding(flow.patient_id):
            ended_now = _close(PatientFlow.objects.filter(pk=flow.pk), FlowStatus.EXPIRED, now)
            flow.status = FlowStatus.EXPIRED if ended_now else _status_of(flow)
    except PatientErased as erased:
        raise NotFound("There is no flow with this id.") from erased
    if flow.status == FlowStatus.COMPLETE:
        raise Conflict("This flow is complete: the patient has gone back to the app. It cannot expire any more.")


def expire_lapsed(now: datetime) -> int:
    """Mark the open flows whose time is over; their number. At most MAX_BATCHES × BATCH: the rest is for next time.

    Several workers may do so at once: each takes flows that no other is at.
    """
    expired = 0
    for _ in range(MAX_BATCHES):
        with transaction.atomic():
            batch = PatientFlow.objects.lapsed(now).order_by("expires_at").select_for_update(skip_locked=True)
            closed = _close(batch[:BATCH], FlowStatus.EXPIRED, now)
        expired += len(closed)
        if len(closed) < BATCH:
            break
    return expired


def _close(flows: PatientFlowQuerySet, status: FlowStatus, now: datetime) -> list[str]:
    """Close those of `flows` that are open; the ids of the ones that became complete or expired by this call.

    Every flow ends here, whoever ends it and however. What has to happen with its end belongs into this transaction:
    apps are told of each end once.
    """
    with transaction.atomic():
        closed = flows.close(status, now)
        tell_of_ends(closed, now)
    return closed


def _status_of(flow: PatientFlow) -> str:
    status = PatientFlow.objects.filter(pk=flow.pk).values_list("status", flat=True).first()
    if status is None:
        raise NotFound("There is no flow with this id.")
    return status
