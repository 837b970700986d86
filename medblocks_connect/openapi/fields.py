"""How our own serializer fields are described: exactly what they take, as JSON Schema."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from common.describing.shapes import Schema, metadata
from common.fields import LineField, StrictEmailField, TextField
from patients.references import RESERVED_PREFIXES
from patients.serializers import PatientReferenceField

_CONTROL = r"\x00-\x1f\x7f-\x9f"
# What Python calls white space: `\s` is another set in each language that reads the document.
_BLANK = r"\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_ONE_LINE = rf"^[^{_CONTROL}]*[^{_BLANK}{_CONTROL}][^{_CONTROL}]*$"
_NOT_RESERVED = f"(?!{'|'.join(RESERVED_PREFIXES)})"
_PRINTED = r"^[^\x00]*$"
_NOT_BLANK = rf"^[^\x00]*[^{_BLANK}\x00][^\x00]*$"


class TextLimits(OpenApiSerializerFieldExtension):
    """Strings: how long, and which characters."""

    target_class = serializers.CharField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Schema:
        field = self.target
        schema: Schema = {"type": "string"}
        if not field.allow_blank:
            schema["minLength"] = 1
        if field.max_length is not None:
            schema["maxLength"] = field.max_length
        return schema | self._kind(field)

    def _kind(self, field: Any) -> Schema:
        if isinstance(field, PatientReferenceField):
            return {"pattern": f"^{_NOT_RESERVED}{_ONE_LINE[1:]}"}
        if isinstance(field, LineField):
            return {"pattern": _ONE_LINE}
        if isinstance(field, StrictEmailField):
            return {"format": "email"}
        if isinstance(field, TextField) and not field.allow_blank:
            return {"pattern": _NOT_BLANK}
        return {"pattern": _PRINTED}


class SourceListLimits(OpenApiSerializerFieldExtension):
    target_class = "flows.serializers.SourceListField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Schema:
        items = auto_schema._map_serializer_field(self.target.child, direction)
        return {"type": "array", "items": items, "minItems": 1, "maxItems": self.target.max_length}


class MetadataLimits(OpenApiSerializerFieldExtension):
    target_class = "common.fields.MetadataField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Schema:
        return metadata("Your own data.")
