"""The parts of staff pages that show flows and sign-ins, for templates of apps that know neither."""

from typing import Any

from django import template

from flows.models import Authorization, PatientFlow
from flows.sign_in_trail import flow_badge, sign_ins
from patients.models import Patient

register = template.Library()

SHOWN_FLOWS = 25


@register.inclusion_tag("admin/flows/trail.html")
def trail_of_patient(patient: Patient) -> dict[str, Any]:
    return {"sign_ins": sign_ins(Authorization.objects.filter(flow__patient=patient)), "names_flow": True}


@register.inclusion_tag("admin/flows/trail.html")
def trail_of_flow(flow: PatientFlow) -> dict[str, Any]:
    return {"sign_ins": sign_ins(flow.authorizations.all()), "names_flow": False}


@register.inclusion_tag("admin/flows/trail.html")
def trail_of_sign_in(authorization: Authorization) -> dict[str, Any]:
    return {"sign_ins": sign_ins(Authorization.objects.filter(pk=authorization.pk)), "names_flow": True}


@register.inclusion_tag("admin/flows/flows_of_patient.html")
def flows_of_patient(patient: Patient) -> dict[str, Any]:
    newest = patient.flows.select_related("source").defer("link_digest").order_by("-created_at", "-id")[:SHOWN_FLOWS]
    return {"flows": [{"row": flow, "status": flow_badge(flow)} for flow in newest]}
