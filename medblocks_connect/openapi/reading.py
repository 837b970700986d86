"""From the document to what the page for people shows: sections of operations, in plain words."""

import html
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from common.describing.shapes import Schema

_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*(.+?)\*\*")


@dataclass(frozen=True)
class Item:
    """A parameter, header or field: its name, what it may be, what it means."""

    name: str
    kind: str
    description: str
    is_required: bool = False


@dataclass(frozen=True)
class Failure:
    status: str
    description: str
    codes: list[str]


@dataclass(frozen=True)
class Told:
    """One operation, as the page tells it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str | None
    parameters: list[Item]
    body: list[Item]
    answer: list[Item]
    example: str
    curl: str
    failures: list[Failure]


@dataclass(frozen=True)
class Section:
    title: str
    operations: list[Told]

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Received:
    """A request that an endpoint gets: what it tells of, and its body by example."""

    id: str
    type: str
    description: str
    example: str


@dataclass(frozen=True)
class Receiving:
    """What is the same of all requests that endpoints get, and each by itself."""

    description: str
    headers: list[Item]
    fields: list[Item]
    answers: list[Failure]
    requests: list[Received]


def receiving_of(document: Schema) -> Receiving:
    """The document's webhooks."""
    reader = _Reader(document, base_url="")
    requests = {type_: methods["post"] for type_, methods in document["webhooks"].items()}
    return reader.receiving(requests)


def sections_of(document: Schema, base_url: str) -> list[Section]:
    """The operations by tag, in the document's order."""
    by_tag: dict[str, list[Told]] = {}
    reader = _Reader(document, base_url)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(reader.told(path, method, operation))
    return [Section(tag, sorted(operations, key=_rank)) for tag, operations in by_tag.items()]


def _rank(told: "Told") -> tuple[int, int]:
    """Whole lists before single objects, those before their parts; reading and making before ending."""
    return told.path.count("/"), ["GET", "POST", "PUT", "PATCH", "DELETE"].index(told.method)


class _Reader:
    def __init__(self, document: Schema, base_url: str) -> None:
        self.document, self.base_url = document, base_url

    def told(self, path: str, method: str, operation: Schema) -> Told:
        success = operation["responses"]["200"]
        content = next(iter(success["content"].values()))
        parameters = [self.resolved(parameter) for parameter in operation.get("parameters", [])]
        return Told(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            description=_paragraph(operation, 0),
            scope=operation.get("x-scope"),
            parameters=[self._parameter(parameter) for parameter in parameters],
            body=list(self._fields(self._body(operation).get("schema", {}))),
            answer=list(self._fields(content["schema"])),
            example=_pretty(content["example"]) if "example" in content else "",
            curl=self._curl(path, method, operation, parameters),
            failures=list(self._failures(operation["responses"])),
        )

    def receiving(self, requests: dict[str, Schema]) -> Receiving:
        any_of_them = next(iter(requests.values()))
        return Receiving(
            description=_paragraph(any_of_them, 1),
            headers=[self._parameter(parameter) for parameter in any_of_them["parameters"]],
            fields=list(self._fields(self._body(any_of_them)["schema"])),
            answers=list(self._failures(any_of_them["responses"])),
            requests=[
                Received(
                    id=request["operationId"],
                    type=type_,
                    description=_paragraph(request, 0),
                    example=_pretty(self._body(request)["example"]),
                )
                for type_, request in requests.items()
            ],
        )

    def resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        found: Any = self.document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found  # type: ignore[no-any-return]

    def _parameter(self, parameter: Schema) -> Item:
        kind = f"{parameter['in']}, {kind_of(parameter['schema'])}"
        return Item(parameter["name"], kind, in_line(parameter["description"]), parameter.get("required", False))

    def _body(self, operation: Schema) -> Schema:
        content: Schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return content

    def _fields(self, schema: Schema, prefix: str = "") -> Iterator[Item]:
        """Fields, those inside of fields dotted."""
        schema = self.resolved(schema)
        required = schema.get("required", [])
        for name, field in schema.get("properties", {}).items():
            items = self.resolved(field.get("items", {}))
            inside, mark = (items, "[]") if "properties" in items else (self.resolved(field), "")
            told = in_line(field.get("description", ""))
            yield Item(f"{prefix}{name}", kind_of(field), told, name in required)
            yield from self._fields(inside, f"{prefix}{name}{mark}.")

    def _failures(self, responses: Schema) -> Iterator[Failure]:
        for status, response in responses.items():
            if status != "200":
                response = self.resolved(response)
                content = response.get("content", {}).get("application/json", {})
                yield Failure(status, response["description"], list(content.get("examples", {})))

    def _curl(self, path: str, method: str, operation: Schema, parameters: list[Schema]) -> str:
        for parameter in parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
        words = ["curl", f"{self.base_url}{path}"]
        words += ["-X", method.upper()] if method not in ("get", "post") else []
        lines = [shlex.join(words)]
        if operation["security"]:
            lines.append('  -H "Authorization: Bearer $API_KEY"')
        if example := self._body(operation).get("example"):
            lines.append("  -H 'Content-Type: application/json'")
            lines.append(f"  -d {shlex.quote(json.dumps(example, ensure_ascii=False))}")
        return " \\\n".join(lines)


def _paragraph(operation: Schema, number: int) -> SafeString:
    """One of those that describe it: the first says what it is about."""
    return in_line(operation["description"].split("\n\n")[number])


def _pretty(example: Any) -> str:
    return json.dumps(example, ensure_ascii=False, indent=2)


def in_line(text: str) -> SafeString:
    """Markdown's code and emphasis as HTML; everything else is text."""
    coded = _CODE.sub(r'<code class="mc-wrap">\1</code>', html.escape(text))
    return mark_safe(_STRONG.sub(r"<strong>\1</strong>", coded))  # noqa: S308  escaped above


_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "{} or more items",
    "maxItems": "up to {} items",
    "default": "default {}",
    "const": "always {}",
}


def kind_of(schema: Schema) -> str:
    """The type and its limits in words."""
    kind = schema.get("type", "object")
    words = ["string or null" if kind == ["string", "null"] else " or ".join([kind] if isinstance(kind, str) else kind)]
    if "format" in schema:
        words.append(schema["format"])
    if "enum" in schema:
        words.append("one of " + ", ".join(str(value) for value in schema["enum"] if value is not None))
    words += [
        text.format(_plain(schema[name])) for name, text in _LIMITS.items() if name in schema and _says(schema, name)
    ]
    return ", ".join(words)


def _says(schema: Schema, name: str) -> bool:
    """A minimum of one character goes without saying."""
    return name != "minLength" or schema[name] > 1


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
