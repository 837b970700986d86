"""The one body parser of the API: strict JSON within limits (contract §2)."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from common.errors import InvalidRequest, PayloadTooLarge

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
_LONGEST_WHOLE = 50
MAX_NUMBER = 2**63
# Set in a request's environ by the WSGI application.
BODY_ENDED_EARLY = "medblocks.body_ended_early"
# How much of a body that is too large is still taken. A client that is cut off while it sends never sees the answer.
MAX_DISCARDED_BYTES = 32 * 1024 * 1024


class StrictJSONParser(BaseParser):
    """Parses UTF-8 JSON.

    Raises PayloadTooLarge above 256 KB, ParseError for what is not JSON, and InvalidRequest for
    NUL characters, lone surrogates, NaN and infinities, repeated keys and deep nesting.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {}).get("request")
        if request is not None and request.META.get(BODY_ENDED_EARLY):
            raise ParseError("The body ended before its announced length. Send the request again.")
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            _discard(stream)
            raise PayloadTooLarge(f"The body is larger than {MAX_BODY_BYTES // 1024} KB.")
        try:
            text = body.decode("utf-8")
            parsed = json.loads(text, parse_int=_whole, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.") from error
        except RecursionError as error:
            raise ParseError(f"The body is nested more than {MAX_DEPTH} levels deep.") from error
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        check_json(parsed)
        return parsed


def _discard(stream: IO[bytes]) -> None:
    for _ in range(MAX_DISCARDED_BYTES // MAX_BODY_BYTES):
        if not stream.read(MAX_BODY_BYTES):
            return


def check_json(value: Any, path: str = "", depth: int = 0) -> None:
    """Refuse what JSON allows and a database or a receiver does not."""
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    match value:
        case str():
            _check_text(value, path)
        # PostgreSQL gives 1e300 back as an integer of 301 digits, and 2.0 ** 63, rounded, as one above 2 ** 63.
        case float() if abs(value) >= MAX_NUMBER:
            raise InvalidRequest("This number is out of range.", param=path or None)
        case int() if abs(value) > MAX_NUMBER:
            raise InvalidRequest("This number is out of range.", param=path or None)
        case dict():
            for key, inner in value.items():
                _check_text(key, path)
                check_json(inner, f"{path}.{key}" if path else key, depth + 1)
        case list():
            for index, inner in enumerate(value):
                check_json(inner, f"{path}.{index}", depth + 1)


def _check_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise InvalidRequest("NUL characters are not allowed.", param=path.replace("\x00", "") or None)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidRequest(
            "This text has half of a surrogate pair.", param=(path if path.isprintable() else "") or None
        )


def _whole(digits: str) -> int | float:
    """Longer ones are out of range whatever they are, and Python refuses to read very long ones."""
    return int(digits) if len(digits) < _LONGEST_WHOLE else math.copysign(math.inf, float(digits[:2]))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key is given twice in one object")
    return unique
