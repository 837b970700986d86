"""`/patient-flows`, `/sessions`, `/patient-sessions`: one resource, three dialects (contract §1, §5)."""

from datetime import timedelta

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from common.fields import parse
from flows.dialects import PATIENT_FLOW, Dialect, flow_id_of
from flows.models import PatientFlow
from flows.operations import DEFAULT_LIFETIME, create_flow
from flows.serializers import NewFlow, flow_out
from organizations.api import ApiView
from organizations.models import Organization


class Flows(ApiView):
    scopes = {"POST": "patient_sessions:write"}
    dialect: Dialect = PATIENT_FLOW

    def post(self, request: Request) -> Response:
        now = timezone.now()
        form = parse(NewFlow, request.data).validated_data
        flow = create_flow(
            organization=self.organization,
            dialect=self.dialect,
            now=now,
            patient_reference=form["patient_id"],
            patient_email=form.get("patient_email"),
            patient_name=form.get("patient_name"),
            source_reference=form.get("connection_id"),
            recommended_references=form.get("recommended_connection_ids"),
            return_url=form["return_url"],
            return_button_label=form.get("return_button_label"),
            lifetime=timedelta(seconds=form["expires_in"]) if "expires_in" in form else DEFAULT_LIFETIME,
            metadata=form.get("metadata"),
        )
        return Response(flow_out(flow, self.dialect, [], now))


class FlowDetail(ApiView):
    scopes = {"GET": "patient_sessions:read"}
    dialect: Dialect = PATIENT_FLOW

    def get(self, request: Request, public_id: str) -> Response:
        flow = find_flow(self.organization, public_id)
        return Response(flow_out(flow, self.dialect, list(flow.connections()), timezone.now()))


def find_flow(organization: Organization, public_id: str) -> PatientFlow:
    """The workspace's flow with this id in any dialect. Raises NotFound."""
    flow_id = flow_id_of(public_id)
    flow = organization.flows.select_related("patient").filter(pk=flow_id).first() if flow_id else None
    if flow is None:
        raise NotFound("There is no flow with this id.")
    return flow
