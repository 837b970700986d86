"""What may be asked of a patient's records (contract §8)."""

import re
from datetime import datetime
from typing import Any

from rest_framework import serializers

from common.fields import StrictSerializer, TextField
from common.pagination import LimitField

MAX_COUNT, MAX_TYPES = 100, 50
# FHIR's names of resource types: letters, the first a capital.
TYPE = "[A-Z][A-Za-z]{1,63}"
_TYPES = re.compile(f"{TYPE}(,{TYPE})*")
# As FHIR writes an instant: never without its zone.
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
_INSTANT = re.compile(INSTANT)


class ResourceTypesField(TextField):
    """Resource types, separated by commas; which ones there are is FHIR's business. Gives a set."""

    default_error_messages = {
        "types": "Write FHIR resource types separated by commas, without spaces: Observation,Condition.",
        "too_many": f"There may be at most {MAX_TYPES} types.",
    }

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _TYPES.fullmatch(text):
            self.fail("types")
        types = frozenset(text.split(","))
        if len(types) > MAX_TYPES:
            self.fail("too_many")
        return types


class InstantField(TextField):
    """A moment, with the zone it is meant in."""

    default_error_messages = {
        "instant": "Write a moment with its zone: 2026-04-25T14:30:00Z, or +02:00 for Z with the + encoded as %2B."
    }

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _INSTANT.fullmatch(text):
            self.fail("instant")
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail("instant")


class RecordsFilter(StrictSerializer):
    """Which records: all that is asked of those that are streamed."""

    type = ResourceTypesField(required=False, max_length=MAX_TYPES * 65)
    since = InstantField(required=False)


class RecordsQuery(RecordsFilter):
    """Which records, and which page of them."""

    count = LimitField(min_value=1, max_value=MAX_COUNT, default=MAX_COUNT)
    starting_after = serializers.CharField(required=False, max_length=2000)
    ending_before = serializers.CharField(required=False, max_length=2000)

    def validate(self, attrs: Any) -> Any:
        if "starting_after" in attrs and "ending_before" in attrs:
            raise serializers.ValidationError(
                {"ending_before": "Give either starting_after or ending_before: a page goes on in one direction."}
            )
        return attrs
