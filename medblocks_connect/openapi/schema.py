"""From a view and its Operation to OpenAPI 3.1. Limits of what is sent come from the serializers themselves."""

import re
from typing import Any

from django.utils.functional import cached_property
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

import medblocks_connect.openapi.fields  # noqa: F401  registers how our fields are described
from common.describing.operations import Link, Operation
from common.describing.shapes import Schema, Shape
from flows import description as flows
from medblocks_connect.openapi import parts
from organizations.api import ApiView
from patients import description as patients
from records import description as records
from sources import description as sources
from webhooks import description as webhooks

OPERATIONS = {
    **patients.OPERATIONS,
    **records.OPERATIONS,
    **flows.OPERATIONS,
    **sources.OPERATIONS,
    **webhooks.OPERATIONS,
}
# What the routes call them inside, and what the contract calls them.
PATH_NAMES = {"reference": "id", "public_id": "id", "event_id": "id", "endpoint_id": "id"}


class NotDescribed(Exception):
    """A view has a method that no `description.py` knows."""


class ApiSchema(AutoSchema):
    """Describes one method of one view by its Operation."""

    view: ApiView  # type: ignore[override]  # all views of this API are
    method: str
    path: str
    registry: ComponentRegistry

    @cached_property
    def described(self) -> Operation:
        for view_class in type(self.view).__mro__:
            if (view_class, self.method) in OPERATIONS:
                return OPERATIONS[view_class, self.method](self.view)
        raise NotDescribed(f"{self.method} {self.path}: describe {type(self.view).__qualname__} in its description.py.")

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Schema:
        self.__dict__.pop("described", None)  # one instance serves all methods of a view
        self.path, self.method, self.registry = path, method.upper(), registry
        described = self.described
        operation = {
            "operationId": described.id,
            "summary": described.summary,
            "description": f"{described.description}\n\nNeeds the scope `{self.scope}`.",
            "tags": [described.tag],
            "security": [{"apiKey": [self.scope]}],
            "x-scope": self.scope,
            "parameters": self.parameters(),
            "responses": self.responses(),
        }
        if described.takes_no_fields:
            return operation | {"requestBody": parts.no_fields()}
        return operation | ({"requestBody": self.request_body()} if described.body else {})

    @property
    def scope(self) -> str:
        return self.view.scopes[self.method]

    def parameters(self) -> list[Schema]:
        described = self.described
        names = re.findall(r"{(\w+)}", self.path)
        found = [parts.path_parameter(name, described.words[name], described.path_examples[name]) for name in names]
        if described.query is not None:
            schema = self._map_serializer(described.query, "request")
            for name, limits in schema["properties"].items():
                limits = limits | described.limits.get(name, {})
                found.append(parts.query_parameter(name, described.words[name], limits, schema.get("required", [])))
        return found + parts.header_parameters(self.method, is_conditional=described.is_conditional)

    def request_body(self) -> Schema:
        described = self.described
        assert described.body is not None
        component = self.resolve_serializer(described.body, "request")
        for name, field in component.schema["properties"].items():
            field |= {"description": described.words[name], **described.limits.get(name, {})}
        if described.not_together:
            component.schema["not"] = {"required": list(described.not_together)}
        media_type = {"schema": component.ref, "example": described.body_example}
        is_required = bool(component.schema.get("required"))
        return {"required": is_required, "content": {"application/json": media_type}}

    def responses(self) -> dict[str, Schema]:
        described = self.described
        self.register(described.answer)
        media_type = {"schema": described.answer.reference, "example": described.example}
        success: Schema = {
            "description": "Done." if self.method != "GET" else "Found.",
            "headers": parts.success_headers(self.method, is_conditional=described.is_conditional),
            "content": {described.media_type: media_type, **described.other_contents},
        }
        if described.links:
            success["links"] = {link.name: _link(link) for link in described.links}
        unchanged = {"304": parts.not_modified()} if described.is_conditional else {}
        return {"200": success, **unchanged, **parts.error_responses(self.codes())}

    def codes(self) -> set[str]:
        """Every error code that this operation may answer with."""
        renamed = self.view.error_codes
        everywhere = parts.CODES_OF_EVERY_OPERATION | parts.CODES_OF_METHODS.get(self.method, set())
        return {renamed.get(code, code) for code in {*everywhere, *self.described.codes}}

    def register(self, shape: Shape) -> None:
        for part in shape.parts:
            self.register(part)
        component = ResolvedComponent(
            name=shape.name, type=ResolvedComponent.SCHEMA, schema=shape.schema, object=shape.name
        )
        self.registry.register_on_missing(component)

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Schema:
        schema: Schema = super()._map_basic_serializer(serializer, direction)
        schema.pop("description", None)
        return schema | {"additionalProperties": False}


class ApiGenerator(SchemaGenerator):
    """All views of the API, whatever schema class REST framework is set up with."""

    def create_view(self, callback: Any, method: str, request: Any = None) -> Any:
        view = super().create_view(callback, method, request)
        self._set_schema_to_view(view, ApiSchema())
        return view

    def coerce_path(self, path: str, method: str, view: Any) -> str:
        return re.sub(r"{(\w+)}", lambda found: f"{{{PATH_NAMES.get(found[1], found[1])}}}", path)


def _link(link: Link) -> Schema:
    return {"operationId": link.operation_id, "parameters": dict(link.parameters)}
