"""What a version of the API is made of: its date, and each thing it does otherwise than the one before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]
Translate = Callable[[Fields], Fields]


@dataclass(frozen=True)
class Change:
    """One thing that is different. All functions are pure: from a dict to a new one.

    Requests go up: `bodies` and `queries` take what a client of the version before sends and give what this version
    takes. They are found by operation, `"POST /sessions"` or `"GET /patients/{reference}"`.

    Answers go down: `objects` take an object as this version writes it and give it as the version before did. They
    are found by `resource_type`, wherever in an answer, a list or an event the object is; a list is one itself.
    `errors` take the inside of `{"error": …}` and are found by operation: a renamed field is renamed in `param` too.
    """

    description: str
    bodies: Mapping[str, Translate] = field(default_factory=dict)
    queries: Mapping[str, Translate] = field(default_factory=dict)
    objects: Mapping[str, Translate] = field(default_factory=dict)
    errors: Mapping[str, Translate] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A published version: its date, and its changes in the order in which requests go through them."""

    date: str
    changes: tuple[Change, ...] = ()
