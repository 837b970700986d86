"""Serializer parts that refuse what the contract does not name (contract §2)."""

import json
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from django.http import QueryDict
from rest_framework import serializers

from common.errors import InvalidRequest

NO_OBJECT = "Send a JSON object."
METADATA_KEYS = 50
METADATA_KEY_LENGTH = 40
METADATA_BYTES = 16 * 1024


class StrictSerializer(serializers.Serializer[Any]):
    """A request body or query. Unknown names are refused, with the name as `param`."""

    default_error_messages = {"invalid": NO_OBJECT}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = next((name for name in data if name not in self.fields), None)
            if unknown is not None:
                known = ", ".join(self.fields)
                raise serializers.ValidationError({unknown: f"Unknown field. Known here: {known}."})
        return super().to_internal_value(data)

    @property
    def _writable_fields(self) -> list[serializers.Field[Any, Any, Any, Any]]:
        """Without those that are not given and need not be: rest_framework would find that out for each of them by an
        exception, which takes longer than to check what is given."""
        writable, given = list(super()._writable_fields), getattr(self, "initial_data", None)
        if not isinstance(given, dict):
            return writable
        return [
            field
            for field in writable
            if field.required or field.field_name in given or field.default is not serializers.empty
        ]


class TextField(serializers.CharField):
    """A JSON string, kept as it is: numbers are not turned into text, spaces are not trimmed."""

    default_error_messages = {
        "invalid": "This must be a string.",
        "blank": "This must not be empty.",
        "null": "This must not be null.",
        "required": "This field is required.",
        "max_length": "This is longer than {max_length} characters.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not data.strip() and not self.allow_blank:
            self.fail("blank")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class LineField(TextField):
    """One line of text: no control characters."""

    default_error_messages = {"control": "This must not contain control characters."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if any(character < " " or "\x7f" <= character <= "\x9f" for character in text):
            self.fail("control")
        return text


class StrictEmailField(serializers.EmailField):
    default_error_messages = {"invalid": "This is not an email address."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: neither "5" nor 5.0 nor true."""

    default_error_messages = {
        "invalid": "This must be an integer.",
        "min_value": "This must be at least {min_value}.",
        "max_value": "This must be at most {max_value}.",
    }

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictBooleanField(serializers.BooleanField):
    """true or false: none of the other spellings that rest_framework knows."""

    default_error_messages = {"invalid": "This must be true or false.", "null": "This must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class MetadataField(serializers.Field[Any, Any, Any, Any]):
    """The caller's own JSON object: up to 50 keys of up to 40 characters, 16 KB in all."""

    default_error_messages = {
        "type": "This must be an object.",
        "keys": f"There may be at most {METADATA_KEYS} keys.",
        "key_length": f"A key may have at most {METADATA_KEY_LENGTH} characters.",
        "size": f"This may have at most {METADATA_BYTES // 1024} KB as JSON.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("type")
        if len(data) > METADATA_KEYS:
            self.fail("keys")
        if any(len(key) > METADATA_KEY_LENGTH for key in data):
            self.fail("key_length")
        if len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()) > METADATA_BYTES:
            self.fail("size")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class TimestampField(serializers.Field[Any, Any, Any, Any]):
    """A time as the contract writes it: `2026-04-25T14:30:00.000Z`."""

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


S = TypeVar("S", bound=StrictSerializer)


def parse(serializer_class: type[S], data: Any) -> S:
    """A valid serializer of `data`. Raises rest_framework's ValidationError otherwise."""
    if data is None:  # for which rest_framework has a message of its own
        raise InvalidRequest(NO_OBJECT)
    serializer: S = copy(_prototype(serializer_class))
    serializer.initial_data = data
    serializer.is_valid(raise_exception=True)
    return serializer


@cache
def _prototype(serializer_class: type[StrictSerializer]) -> Any:
    """One serializer of each kind, with its fields. rest_framework copies them deeply each time, which takes longer
    than to check a body with them; they hold nothing of what they check."""
    prototype = serializer_class(data=None)
    _ = prototype.fields
    return prototype


def parse_query(serializer_class: type[S], query: QueryDict) -> S:
    """Like `parse`, for a query string. A parameter given twice is refused."""
    for name, values in query.lists():
        if len(values) > 1:
            raise InvalidRequest("This parameter is given more than once.", param=name)
        if "\x00" in values[0] or "\x00" in name:
            raise InvalidRequest("NUL characters are not allowed.", param=name.replace("\x00", "") or None)
    return parse(serializer_class, query.dict())


def refuse_fields(body: object) -> None:
    """For a call that takes no fields. Raises InvalidRequest for any body but none and {}."""
    if body:
        field = next(iter(body)) if isinstance(body, dict) else None
        raise InvalidRequest("This call takes no fields. Send no body, or {}.", param=field)
    if body != {}:
        raise InvalidRequest("Send no body, or {}.")
