"""A FHIR Bundle as somebody else wrote it: entries, references, extensions. Wrong shapes read as absent ones."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sources.listing import Refusal, UnreadableDirectoryError

# What names the same resource in every Bundle; `urn:uuid:411` does not, nor does `Organization/1`.
_GLOBAL = re.compile(r"https?://.+|urn:oid:.+|urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One resource. `identity` is its fullUrl, or `<type>/<id>` where that is missing."""

    identity: str
    resource: Json

    @property
    def is_global(self) -> bool:
        return _GLOBAL.fullmatch(self.identity) is not None


class Bundle:
    """The Organizations and Endpoints of a Bundle; other resources are passed over."""

    def __init__(self, raw_entries: list[Any]) -> None:
        self.refusals: Counter[Refusal] = Counter()
        self._entries: dict[str, Entry] = {}
        self._by_local_id: dict[str, Entry] = {}
        for raw in raw_entries:
            self._add(raw)

    @classmethod
    def parse(cls, content: bytes) -> "Bundle":
        """Raises UnreadableDirectoryError for what is not a whole Bundle."""
        try:
            raw = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UnreadableDirectoryError(f"The file is not complete JSON: {error}.") from error
        if not isinstance(raw, dict) or raw.get("resourceType") != "Bundle":
            raise UnreadableDirectoryError("The file is not a FHIR Bundle.")
        if not isinstance(raw.get("entry"), list):
            raise UnreadableDirectoryError("The Bundle has no entries.")
        return cls(raw["entry"])

    def of(self, kind: str) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.resource["resourceType"] == kind]

    def resolve(self, reference: str, referring: Entry) -> Entry | None:
        """The entry that a reference leads to (FHIR R4, Bundle, "Resolving references in Bundles")."""
        if (found := self._entries.get(reference)) is not None:
            return found
        base = re.sub(r"[^/]+/[^/]+$", "", referring.identity)
        return self._entries.get(base + reference) or self._by_local_id.get(reference)

    def _add(self, raw: Any) -> None:
        resource = mapping(mapping(raw).get("resource"))
        kind, identifier = resource.get("resourceType"), resource.get("id")
        if kind not in ("Organization", "Endpoint"):
            self.refusals[Refusal.MALFORMED] += not isinstance(kind, str)
            return
        local_id = f"{kind}/{identifier}" if isinstance(identifier, str) else ""
        identity = raw.get("fullUrl") if isinstance(raw.get("fullUrl"), str) else local_id
        if not identity:
            self.refusals[Refusal.MALFORMED] += 1
        elif identity in self._entries:
            self.refusals[Refusal.DUPLICATE] += 1
        else:
            self._entries[identity] = Entry(identity, resource)
            self._by_local_id.setdefault(local_id, self._entries[identity])


def mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def items(resource: Json, name: str) -> list[Json]:
    """The objects in a repeating element."""
    value = resource.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any, limit: int) -> str:
    """A string on one line, without control characters and lone surrogates; "" for anything else."""
    if not isinstance(value, str):
        return ""
    if not value.isprintable():
        value = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(value.split())[:limit].strip()


def extensions(resource: Json, name: str) -> Iterator[Json]:
    """The extensions whose URL ends in `name`: the part before it has changed between drafts."""
    for extension in items(resource, "extension"):
        url = extension.get("url")
        if isinstance(url, str) and re.split(r"[/.]", url)[-1] == name:
            yield extension


def value_of(extension: Json) -> Any:
    """The `value…` of an extension, whatever its type."""
    return next((value for key, value in extension.items() if key.startswith("value")), None)


def extension_values(resource: Json, *names: str) -> list[Any]:
    return [value_of(extension) for name in names for extension in extensions(resource, name)]


def reference_of(value: Any) -> str:
    return text(mapping(value).get("reference"), 2000)
