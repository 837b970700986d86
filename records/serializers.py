"""What may be asked of a patient's records (contract §8)."""

import re
from typing import Any

from common.fields import StrictSerializer, TextField
from common.instants import InstantField
from common.pagination import LimitField, TwoWayQuery

MAX_COUNT, MAX_TYPES = 100, 50
# FHIR's names of resource types: letters, the first a capital.
TYPE = "[A-Z][A-Za-z]{1,63}"
_TYPES = re.compile(f"{TYPE}(,{TYPE})*")


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


class RecordsFilter(StrictSerializer):
    """Which records: all that is asked of those that are streamed."""

    type = ResourceTypesField(required=False, max_length=MAX_TYPES * 65)
    since = InstantField(required=False)


class RecordsQuery(RecordsFilter, TwoWayQuery):
    """Which records, and which page of them."""

    count = LimitField(min_value=1, max_value=MAX_COUNT, default=MAX_COUNT)
