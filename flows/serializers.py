"""The shape of a flow in the API, in the words of the dialect that asks (contract §5)."""

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers

from common.fields import (
    LineField,
    MetadataField,
    StrictEmailField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    TimestampField,
)
from common.pagination import PageQuery
from flows.dialects import Dialect
from flows.models import MAX_LIFETIME, MAX_RECOMMENDED, MIN_LIFETIME, FlowStatus, PatientFlow
from flows.return_urls import MAX_LENGTH as MAX_RETURN_URL
from patients.models import Connection, ConnectionStatus
from patients.serializers import PatientReferenceField

MAX_SOURCE_REFERENCE = 500


class SourceListField(serializers.ListField):
    child = TextField(max_length=MAX_SOURCE_REFERENCE)
    default_error_messages = {
        "not_a_list": "This must be a list of source ids.",
        "empty": "This must not be empty. Leave it out instead.",
        "max_length": f"There may be at most {MAX_RECOMMENDED} sources.",
    }


class LifetimeField(StrictIntegerField):
    """Whole seconds, as a timedelta."""

    def __init__(self, *, at_least: timedelta, at_most: timedelta, **kwargs: Any) -> None:
        least, most = int(at_least.total_seconds()), int(at_most.total_seconds())
        super().__init__(min_value=least, max_value=most, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return timedelta(seconds=super().run_validation(data))


class NewFlow(StrictSerializer):
    """The body of a new flow. What is valid are the arguments of a `FlowPlan`."""

    patient_id = PatientReferenceField(source="patient_reference")
    patient_email = StrictEmailField(max_length=254, required=False)
    patient_name = LineField(max_length=200, required=False)
    connection_id = TextField(max_length=MAX_SOURCE_REFERENCE, required=False, source="source_reference")
    recommended_connection_ids = SourceListField(
        max_length=MAX_RECOMMENDED, required=False, allow_empty=False, source="recommended_references"
    )
    return_url = TextField(max_length=MAX_RETURN_URL)
    return_button_label = LineField(max_length=60, required=False)
    expires_in = LifetimeField(at_least=MIN_LIFETIME, at_most=MAX_LIFETIME, required=False, source="lifetime")
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "source_reference" in attrs and "recommended_references" in attrs:
            raise serializers.ValidationError(
                {"recommended_connection_ids": "Give either connection_id or recommended_connection_ids, not both."}
            )
        return attrs


class FlowListQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=FlowStatus.choices,
        required=False,
        error_messages={"invalid_choice": f"This must be one of: {', '.join(FlowStatus.values)}."},
    )


_timestamp = TimestampField().to_representation


def flow_out(flow: PatientFlow, dialect: Dialect, connections: list[Connection], now: datetime) -> dict[str, Any]:
    """The flow object as of `now`."""
    return {
        "id": dialect.public_id(flow.id),
        "resource_type": dialect.name,
        "status": flow.status_at(now),
        "url": flow.url,
        "patient_id": flow.patient.reference,
        "connection_id": flow.source_id,
        "recommended_connection_ids": flow.recommended_source_ids or None,
        "return_url": flow.return_url,
        "return_button_label": flow.return_button_label,
        "connections": [flow_connection_out(connection) for connection in connections],
        "expires_at": _timestamp(flow.expires_at),
        "metadata": flow.metadata,
        "created_at": _timestamp(flow.created_at),
    }


def flow_connection_out(connection: Connection) -> dict[str, Any]:
    """A connection inside a flow. Failed attempts have no id: there is nothing to disconnect."""
    failed = connection.status == ConnectionStatus.FAILED
    return {
        "id": None if failed else f"conn_{connection.id}",
        "connection_id": connection.source_id,
        "status": connection.status,
        "failure_code": connection.failure_code,
        "failure_at": connection.failure_at and _timestamp(connection.failure_at),
        "created_at": _timestamp(connection.created_at),
    }
