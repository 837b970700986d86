"""`/patient-flows`, `/sessions`, `/patient-sessions`: one resource, three dialects (contract §1, §5)."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from common.errors import PATIENT_CODES, NotFound
from common.fields import parse, parse_query, refuse_fields
from common.pagination import page_of
from flows.closing import expire_flow
from flows.connections import connections_of, with_connections
from flows.dialects import PATIENT_FLOW, Dialect, flow_id_of
from flows.models import PatientFlow
from flows.operations import FlowPlan, create_flow
from flows.serializers import FlowListQuery, NewFlow, flow_out
from organizations.api import ApiView
from organizations.models import Organization
from patients.views import find_patient


class Flows(ApiView):
    scopes = {"POST": "patient_sessions:write"}
    dialect: Dialect = PATIENT_FLOW

    def post(self, request: Request) -> dict[str, Any]:
        now = timezone.now()
        plan = FlowPlan(**parse(NewFlow, request.data).validated_data)
        flow = create_flow(plan, organization=self.organization, dialect=self.dialect, now=now)
        return flow_out(flow, self.dialect, [], now)


class FlowDetail(ApiView):
    scopes = {"GET": "patient_sessions:read"}
    dialect: Dialect = PATIENT_FLOW

    def get(self, request: Request, public_id: str) -> dict[str, Any]:
        flow = find_flow(self.organization, public_id)
        return flow_out(flow, self.dialect, connections_of(flow), timezone.now())


class FlowExpiry(ApiView):
    scopes = {"POST": "patient_sessions:write"}
    dialect: Dialect = PATIENT_FLOW

    def post(self, request: Request, public_id: str) -> dict[str, Any]:
        now = timezone.now()
        refuse_fields(request.data)
        flow = find_flow(self.organization, public_id)
        expire_flow(flow, now)
        return flow_out(flow, self.dialect, connections_of(flow), now)


class FlowsOfPatient(ApiView):
    """Everything below `/patients` speaks of errors in the words of patients."""

    scopes = {"GET": "patient_sessions:read"}
    takes_query = True
    error_codes = PATIENT_CODES
    dialect: Dialect = PATIENT_FLOW

    def get(self, request: Request, reference: str) -> dict[str, Any]:
        now = timezone.now()
        query = parse_query(FlowListQuery, request.query_params).validated_data
        patient = find_patient(self.organization, reference)
        flows, status = with_connections(patient.flows.all()), query.get("status")
        return page_of(
            flows.reading(status, now) if status else flows,
            order_by=("-created_at", "-id"),
            limit=query["limit"],
            starting_after=query.get("starting_after"),
            list_name=f"{self.dialect.path}:{patient.id}:{status}",
            render=lambda flow: flow_out(flow, self.dialect, connections_of(flow), now),
        )


def find_flow(organization: Organization, public_id: str) -> PatientFlow:
    """The workspace's flow with this id in any dialect. Raises NotFound."""
    flow_id = flow_id_of(public_id)
    flow = PatientFlow.objects.of(organization, flow_id) if flow_id else None
    if flow is None:
        raise NotFound("There is no flow with this id.")
    return flow
