"""What apps are told of flows (contract §9)."""

from collections.abc import Collection
from datetime import datetime

from flows.connections import connections_of, with_connections
from flows.dialects import DIALECTS
from flows.models import FlowStatus, PatientFlow
from flows.serializers import flow_out
from webhooks.events import EventType
from webhooks.operations import Fact, emit_all

_ENDS = {FlowStatus.COMPLETE: "completed", FlowStatus.EXPIRED: "expired"}


def tell_of_ends(flow_ids: Collection[str], now: datetime) -> None:
    """Write an event about each of these flows, in the transaction that has just closed them.

    Two queries and one INSERT, however many they are; none for none.
    """
    if flow_ids:
        closed = PatientFlow.objects.filter(pk__in=flow_ids).select_related("patient").order_by("pk")
        emit_all([_end_of(flow, now) for flow in with_connections(closed)], now=now)


def _end_of(flow: PatientFlow, now: datetime) -> Fact:
    """The flow as a GET of its own dialect answers from now on."""
    told = flow_out(flow, flow.dialect, connections_of(flow), now)
    link = told.pop("url")
    return Fact(
        organization_id=flow.organization_id,
        type=EventType(f"{flow.dialect_name}.{_ENDS[FlowStatus(flow.status)]}"),
        object=told,
        link=link,
        patient_id=flow.patient_id,
        synonyms={
            f"{name}.{_ENDS[FlowStatus(flow.status)]}": {"id": dialect.public_id(flow.pk), "resource_type": name}
            for name, dialect in DIALECTS.items()
            if name != flow.dialect_name
        },
    )
