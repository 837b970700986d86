"""JSON as the contract writes it."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request


class ApiJSONRenderer(JSONRenderer):
    charset = "utf-8"


@dataclass(frozen=True)
class RawJSON:
    """A value of an answer that is JSON already: it goes out as it is, with the digits of 1.00."""

    text: str


class RawJSONRenderer(ApiJSONRenderer):
    """Writes answers in which there may be `RawJSON`. It is not parsed."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        raw: list[str] = []
        place = secrets.token_hex()  # nobody who has a say in the answer can know it

        def put_aside(value: RawJSON) -> str:
            raw.append(value.text)
            return place

        written = json.dumps(data, default=put_aside, ensure_ascii=False, separators=(",", ":"))
        parts = zip_longest(written.split(f'"{place}"'), raw, fillvalue="")
        return "".join(chain.from_iterable(parts)).encode()


class AlwaysJSON(BaseContentNegotiation):
    """JSON whatever `Accept` says: a client that asks for HTML still gets an answer it can read."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)
