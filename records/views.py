"""`/patients/{id}/records` (contract §8)."""

import re
from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from common.errors import PATIENT_CODES
from common.fields import parse_query
from common.renderers import RawJSONRenderer
from organizations.api import ApiView
from patients.views import find_patient
from records.reading import Selection, page_of_records
from records.serializers import RecordsFilter, RecordsQuery
from records.streaming import MEDIA_TYPE, RecordStream

_NDJSON = {MEDIA_TYPE, "application/x-ndjson", "application/ndjson"}
_QUALITY = re.compile(r"\s*q\s*=\s*(0|1|[01]?\.[0-9]{1,3})\s*", re.ASCII | re.IGNORECASE)


class RecordsOfPatient(ApiView):
    """Records page by page, or all of them for who wants NDJSON."""

    scopes = {"GET": "fhir:read"}
    takes_query = True
    error_codes = PATIENT_CODES
    renderer_classes = (RawJSONRenderer,)

    def get(self, request: Request, reference: str) -> dict[str, Any] | HttpResponseBase:
        if prefers_ndjson(request.headers.get("Accept", "")):
            return self._all(request, reference)
        query = parse_query(RecordsQuery, request.query_params).validated_data
        page = {name: query.pop(name) for name in ("count", "starting_after", "ending_before") if name in query}
        return page_of_records(self._selection(reference, query), **page)

    def _selection(self, reference: str, query: dict[str, Any]) -> Selection:
        patient = find_patient(self.organization, reference)
        return Selection(patient, types=query.get("type", frozenset()), since=query.get("since"))

    def _all(self, request: Request, reference: str) -> HttpResponseBase:
        query = parse_query(RecordsFilter, request.query_params).validated_data
        selection = self._selection(reference, query)
        lines = RecordStream(selection) if request.method == "GET" else iter(())
        return StreamingHttpResponse(lines, content_type=MEDIA_TYPE)


def prefers_ndjson(accept: str) -> bool:
    """Whether `Accept` names NDJSON, and does not like JSON as much. What is no media type counts for nothing."""
    qualities: dict[str, float] = {}
    for named in accept.split(","):
        media_type, *parameters = named.split(";")
        found = (_QUALITY.fullmatch(parameter) for parameter in parameters)
        quality = next((float(match[1]) for match in found if match), 1.0)
        name = media_type.strip().lower()
        qualities[name] = max(quality, qualities.get(name, 0.0))
    return max(qualities.get(name, 0.0) for name in _NDJSON) > qualities.get("application/json", 0.0)
