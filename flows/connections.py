"""What came of the sign-ins of flows, as the API lists it (contract §5)."""

from django.db.models import Prefetch, prefetch_related_objects

from flows.models import Authorization, PatientFlow, PatientFlowQuerySet
from patients.models import Connection

_SHOWN = ("source_id", "status", "failure_code", "failure_at", "created_at")
_LED_SOMEWHERE = (
    Authorization.objects.exclude(connection=None)
    .select_related("connection")
    .only("flow_id", *(f"connection__{name}" for name in _SHOWN))
)
_CONNECTIONS = Prefetch("authorizations", _LED_SOMEWHERE, to_attr="led_somewhere")


def with_connections(flows: PatientFlowQuerySet) -> PatientFlowQuerySet:
    """The flows, read together with what `connections_of` tells of each: one query more for all of them."""
    return flows.prefetch_related(_CONNECTIONS)


def connections_of(flow: PatientFlow) -> list[Connection]:
    """What came of the flow's sign-ins, failed attempts included, newest first, without their tokens."""
    prefetch_related_objects([flow], _CONNECTIONS)
    sign_ins: list[Authorization] = flow.led_somewhere  # type: ignore[attr-defined]  # the prefetch put it there
    # Who signs in to the same chart twice renews one connection.
    each_once = {sign_in.connection_id: sign_in.connection for sign_in in sign_ins if sign_in.connection}
    return sorted(each_once.values(), key=lambda connection: (connection.created_at, connection.id), reverse=True)
