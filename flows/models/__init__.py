"""Flows, the sign-ins at portals that belong to them, and the places that patients asked for in vain."""

from flows.models.authorization import (
    EXCHANGE_LIMIT,
    STATE_LIFETIME,
    Authorization,
    AuthorizationEvent,
    AuthorizationQuerySet,
    EventKind,
    Outcome,
)
from flows.models.flow import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    MAX_RECOMMENDED,
    MIN_LIFETIME,
    FlowStatus,
    PatientFlow,
    PatientFlowQuerySet,
)
from flows.models.source_request import RequestStatus, SourceRequest

__all__ = [
    "DEFAULT_LIFETIME",
    "EXCHANGE_LIMIT",
    "MAX_LIFETIME",
    "MAX_RECOMMENDED",
    "MIN_LIFETIME",
    "STATE_LIFETIME",
    "Authorization",
    "AuthorizationEvent",
    "AuthorizationQuerySet",
    "EventKind",
    "FlowStatus",
    "Outcome",
    "PatientFlow",
    "PatientFlowQuerySet",
    "RequestStatus",
    "SourceRequest",
]
