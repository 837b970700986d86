"""Values of somebody else's JSON: wrong shapes read as absent ones."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


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


def name_in(value: Any, limit: int) -> str:
    """What something is called: a text without a quotation mark at one end whose other one is missing."""
    called = text(value, limit)
    if called.count('"') % 2 == 0:
        return called
    return (called[1:] if called.startswith('"') else called.removesuffix('"')).strip()


def plain(markdown: Any, limit: int) -> str:
    """What Markdown says, on one line without its marks, cut at a word."""
    if not isinstance(markdown, str):
        return ""
    # Some publishers write the line's end as a backslash and an n.
    said = re.sub(r"\\[nrt]", " ", markdown[: 10 * limit])
    said = re.sub(r"!?\[([^\]\[]*)\]\([^()\s]*\)", r"\1", said)
    said = re.sub(r"(?m)^[ \t]*(?:#+|>+|[-*+]|\d+\.)[ \t]+", "", said)
    said = text(re.sub(r"[*`]+|__|~~|<[^<>]*>", "", said), 10 * limit)
    if len(said) <= limit:
        return said
    return said[: limit - 1].rpartition(" ")[0].rstrip(" ,;:.") + "…"


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
