"""JSON Schema (2020-12) of what the API answers. Objects are closed: a field that is not described is a mistake."""

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

METADATA_LIMITS = "Up to 50 keys of up to 40 characters, 16 KB in all, its numbers below 2^63."


@dataclass(frozen=True)
class Shape:
    """An object of the API, with the name it has among the document's components."""

    name: str
    schema: Schema
    parts: tuple["Shape", ...] = ()
    """The other named shapes that `schema` refers to."""

    @property
    def reference(self) -> Schema:
        return {"$ref": f"#/components/schemas/{self.name}"}


def shape(name: str, description: str, fields: dict[str, Schema], *, parts: tuple[Shape, ...] = ()) -> Shape:
    """An object that always has all of `fields`, and no others."""
    return Shape(name, closed_object(description, fields), parts)


def closed_object(description: str, fields: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def text(description: str, *, nullable: bool = False, **limits: Any) -> Schema:
    return _typed("string", description, nullable, limits)


def integer(description: str, *, nullable: bool = False, **limits: Any) -> Schema:
    return _typed("integer", description, nullable, limits)


def number(description: str, *, nullable: bool = False, **limits: Any) -> Schema:
    return _typed("number", description, nullable, limits)


def truth(description: str, **limits: Any) -> Schema:
    return _typed("boolean", description, False, limits)


def always(value: str | bool, description: str) -> Schema:
    """A field that has the same value in every answer."""
    return {"type": "boolean" if isinstance(value, bool) else "string", "const": value, "description": description}


def choice(description: str, values: list[str], *, nullable: bool = False) -> Schema:
    return _typed("string", description, nullable, {"enum": [*values, None] if nullable else values})


def timestamp(description: str, *, nullable: bool = False) -> Schema:
    return text(
        f"{description} ISO 8601 in UTC, with milliseconds.",
        nullable=nullable,
        format="date-time",
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
    )


def sequence(description: str, of: Schema, *, nullable: bool = False, **limits: Any) -> Schema:
    return _typed("array", description, nullable, {"items": of, **limits})


def ulid_id(prefix: str, description: str, *, nullable: bool = False) -> Schema:
    """An id of ours: a prefix and 26 characters that sort by time."""
    return text(description, nullable=nullable, pattern=f"^{prefix}[0-9A-HJKMNP-TV-Z]{{26}}$")


def metadata(description: str) -> Schema:
    return {
        "type": "object",
        "description": f"{description} {METADATA_LIMITS}",
        "maxProperties": 50,
        "propertyNames": {"maxLength": 40},
        "additionalProperties": True,
    }


def page_of(of: Shape) -> Shape:
    """The list object with items of this shape."""
    fields = {
        "resource_type": always("list", "What this object is."),
        "data": sequence("The objects of this page.", of.reference),
        "has_more": truth("Whether there is another page."),
        "next_cursor": text("Give it as `starting_after` to get the next page; null on the last.", nullable=True),
    }
    return shape(f"{of.name}List", f"A page of a list of {of.name} objects.", fields, parts=(of,))


def _typed(kind: str, description: str, nullable: bool, limits: dict[str, Any]) -> Schema:
    return {"type": [kind, "null"] if nullable else kind, "description": description, **limits}
