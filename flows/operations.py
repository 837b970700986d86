"""Beginning flows. What happens at the portal is in `sign_in.py`, how flows end in `closing.py`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from common.errors import InvalidRequest, NotFound
from common.ids import new_ulid
from common.statements import relate
from flows import links
from flows.dialects import Dialect
from flows.insertion import insert_with_patient
from flows.models import DEFAULT_LIFETIME, PatientFlow
from flows.return_urls import ReturnUrlRefused, check_return_url, with_parameters
from organizations.models import Organization
from patients.models import Patient
from sources.base_urls import is_source_id, normalized, source_id
from sources.models import Source


@dataclass(frozen=True, kw_only=True)
class FlowPlan:
    """What an app asks for, each part within its bounds (contract §5). Sources are ids or FHIR base URLs."""

    patient_reference: str
    return_url: str
    patient_email: str | None = None
    patient_name: str | None = None
    source_reference: str | None = None
    recommended_references: Sequence[str] = ()
    return_button_label: str | None = None
    lifetime: timedelta = DEFAULT_LIFETIME
    metadata: dict[str, Any] = field(default_factory=dict)


def create_flow(plan: FlowPlan, *, organization: Organization, dialect: Dialect, now: datetime) -> PatientFlow:
    """A new flow, with its patient made or updated. All or nothing.

    Raises InvalidRequest for a return URL the workspace may not use, and for a source where nobody can
    sign in yet; NotFound for a source it cannot see. `param` names the field.
    """
    try:
        check_return_url(plan.return_url, organization)
    except ReturnUrlRefused as refused:
        raise InvalidRequest(str(refused), param="return_url") from refused
    direct = find_sources(organization, [plan.source_reference] if plan.source_reference else [], "connection_id")
    recommended = find_sources(organization, plan.recommended_references, "recommended_connection_ids")
    flow_id = new_ulid()
    token = links.token_for(flow_id)
    source = direct[0] if direct else None
    # By ids: assigning what they lead to would check, once more, that it fits.
    flow = PatientFlow(
        id=flow_id,
        organization_id=organization.pk,
        dialect_name=dialect.name,
        source_id=source.pk if source else None,
        recommended_source_ids=[source.id for source in recommended],
        return_url=plan.return_url,
        return_button_label=plan.return_button_label,
        metadata=plan.metadata,
        link_digest=links.digest(token),
        created_at=now,
        expires_at=now + plan.lifetime,
    )
    flow.link_token = token
    relate(flow, organization=organization, source=source)
    patient = Patient(
        organization_id=organization.pk,
        reference=plan.patient_reference,
        email=plan.patient_email,
        name=plan.patient_name,
    )
    _insert(flow, patient)
    return flow


def _insert(flow: PatientFlow, patient: Patient) -> None:
    try:
        insert_with_patient(flow, patient)
    except IntegrityError as error:
        # An import that is taken back takes its sources along, also one that was found a moment ago.
        if flow.source_id is None or Source.objects.filter(pk=flow.source_id).exists():
            raise
        raise _unknown_source("connection_id") from error


def find_sources(organization: Organization, references: Sequence[str], param: str) -> list[Source]:
    """The sources named by ids or FHIR base URLs, in order, each once. At most two queries.

    Raises NotFound for one the workspace cannot see, InvalidRequest for one where it is not registered.
    """
    ids = list(dict.fromkeys(_source_id(reference, param) for reference in references))
    if not ids:
        return []
    offered = {source.id: source for source in Source.objects.offered_of(ids, organization)}
    missing = [identifier for identifier in ids if identifier not in offered]
    if missing and Source.objects.visible_to(organization).filter(pk=missing[0]).exists():
        raise InvalidRequest("Nobody can sign in at this source yet: it has no client registration.", param=param)
    if missing:
        raise _unknown_source(param)
    return [offered[identifier] for identifier in ids]


def _source_id(reference: str, param: str) -> str:
    if is_source_id(reference):
        return reference
    try:
        return source_id(normalized(reference))
    except ValueError as error:
        raise _unknown_source(param) from error


def _unknown_source(param: str) -> NotFound:
    return NotFound("There is no such source for this workspace.", param=param)


def return_destination(flow: PatientFlow, outcome: dict[str, str] | None = None) -> str:
    """Where the patient goes back to: the app's URL with the parameters of contract §1 and §6."""
    parameters = {"patient_id": flow.patient.reference, "patient_session_id": flow.session_id}
    if flow.dialect.return_parameter:
        parameters[flow.dialect.return_parameter] = flow.public_id
    return with_parameters(flow.return_url, parameters | (outcome or {}))
