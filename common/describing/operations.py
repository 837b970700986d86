"""What the document says of one method of one path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.describing.shapes import Schema, Shape
from common.fields import StrictSerializer


@dataclass(frozen=True)
class Link:
    """Where an answer leads: the operation that takes a part of it as its path parameter."""

    name: str
    operation_id: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Operation:
    """One operation. Limits are read from the serializers; `words` says what each parameter and field means."""

    id: str
    tag: str
    summary: str
    description: str
    answer: Shape
    example: Any
    body: type[StrictSerializer] | None = None
    body_example: Mapping[str, Any] | None = None
    takes_no_fields: bool = False
    """A call whose body is empty, or `{}`."""
    query: type[StrictSerializer] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, Schema] = field(default_factory=dict)
    """What the serializer's fields do not show of what they take."""
    not_together: tuple[str, ...] = ()
    """Fields of the body that exclude each other."""
    path_examples: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    """The error codes that it may answer with beside those that every operation may."""
    links: tuple[Link, ...] = ()
    media_type: str = "application/json"
    other_contents: Mapping[str, Schema] = field(default_factory=dict)
    """What else it answers with, by media type, to who asks for it with `Accept`."""
    is_conditional: bool = False
    """Whether `If-None-Match` may be answered with 304."""


# By view class and method. A function of the view, because one view may serve several paths.
Operations = Mapping[tuple[type, str], Callable[[Any], Operation]]
