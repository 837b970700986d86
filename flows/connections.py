"""What came of the sign-ins of flows, as the API lists it (contract §5)."""

from django.db.models import Prefetch

from common.statements import Statement
from flows.models import Authorization, PatientFlow, PatientFlowQuerySet
from patients.models import Connection

_SHOWN = ("source_id", "status", "failure_code", "failure_at", "created_at")
_LED_SOMEWHERE = (
    Authorization.objects.exclude(connection=None)
    .select_related("connection")
    .only("flow_id", *(f"connection__{name}" for name in _SHOWN))
)
_CONNECTIONS = Prefetch("authorizations", _LED_SOMEWHERE, to_attr="led_somewhere")
_OF_FLOW = Statement(
    "SELECT {columns} FROM {connection} WHERE connection.id IN"
    " (SELECT connection_id FROM flows_authorization WHERE flow_id = %s)",
    connection=(Connection, ("id", *_SHOWN)),
)


def with_connections(flows: PatientFlowQuerySet) -> PatientFlowQuerySet:
    """The flows, read together with what `connections_of` tells of each: one query more for all of them."""
    return flows.prefetch_related(_CONNECTIONS)


def connections_of(flow: PatientFlow) -> list[Connection]:
    """What came of the flow's sign-ins, failed attempts included, newest first, without their tokens.

    One query, unless the flow was read by `with_connections`.
    """
    sign_ins: list[Authorization] | None = getattr(flow, "led_somewhere", None)
    if sign_ins is None:
        found = [connection for (connection,) in _OF_FLOW.rows(flow.pk)]
    else:
        # Who signs in to the same chart twice renews one connection.
        found = list({sign_in.connection_id: sign_in.connection for sign_in in sign_ins if sign_in.connection}.values())
    return sorted(found, key=lambda connection: (connection.created_at, connection.id), reverse=True)
