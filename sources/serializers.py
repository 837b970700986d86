"""The shape of sources in the API (contract §7)."""

from typing import Any

from rest_framework import serializers

from common.fields import LineField, TextField
from common.pagination import PageQuery
from sources.geography import Point, point_of
from sources.models import Facility, Source


class SourcesQuery(PageQuery):
    q = TextField(required=False, allow_blank=True)
    type = LineField(required=False, max_length=50)
    near = LineField(required=False, max_length=60)

    def validate_near(self, text: str) -> Point:
        if (point := point_of(text)) is None:
            raise serializers.ValidationError("Give a postal code of the United States or a pair latitude,longitude.")
        return point


def source_out(source: Source) -> dict[str, Any]:
    """The Source object."""
    return {
        "id": source.id,
        "resource_type": "fhir_source",
        "name": source.name,
        "type": source.type,
        "fhir_base_url": source.fhir_base_url,
        "logo_url": source.logo_url,
        "portal_url": source.portal_url,
    }


def matched_out(facility: Facility, distance_km: float | None) -> dict[str, Any]:
    """What of a source matched the search."""
    return {
        "facility_name": facility.name,
        "address": {
            "line": facility.address_line or None,
            "city": facility.city or None,
            "state": facility.state or None,
            "postal_code": facility.postal_code or None,
            "country": facility.country or None,
        },
        "distance_km": None if distance_km is None else round(distance_km, 1),
    }
