"""What an import did, in lines for people to read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sources.imports.changes import ENTRY, PINNED, PORTAL
from sources.models import DirectoryImport, ImportChange, Kind, Status

FIRST = 10
_WHERE = ("city", "state", "postal_code")
_WORDS = {
    "described_by_id": "described by another directory",
    "brand_id": "brand",
    "address_line": "street",
    "postal_code": "postal code",
    "portal_url": "portal's address",
    "logo_url": "logo",
    "npis": "NPIs",
    "type": "vendor",
    "portals": "portals",
}
# The words of a refusal's line show so many examples unless all are wanted.
_FEW_EXAMPLES = 3


@dataclass(frozen=True)
class Report:
    """What an import did. `counts` are by kind of change for facilities and sources, "listed" is what the file has."""

    import_id: str
    directory: str
    environment: str
    status: str
    counts: dict[str, dict[str, int]]
    refusals: dict[str, int]
    lines: list[str]
    dry_run: bool = False

    @property
    def size(self) -> int:
        """How many rows it changed."""
        return sum(count for counts in self.counts.values() for kind, count in counts.items() if kind != "listed")

    def of(self, what: str) -> dict[str, int]:
        """The changes to facilities or sources, by kind."""
        return {kind: count for kind, count in self.counts[what].items() if kind != "listed"}


def report_of(run: DirectoryImport, *, all_names: bool = False, dry_run: bool = False) -> Report:
    """What a stored import did, with all names or the first of each kind."""
    return Report(
        import_id=run.pk,
        directory=run.directory.name,
        environment=run.environment,
        status=run.status,
        counts=run.counts,
        refusals={reason: facts["count"] for reason, facts in run.refusals.items()},
        lines=list(_lines(run, all_names=all_names)),
        dry_run=dry_run,
    )


@dataclass(frozen=True)
class Section:
    """One kind of change, or one reason of refusals, with so many lines as are shown and the number of the others."""

    what: str
    title: str
    count: int
    lines: list[str]
    tone: str

    @property
    def more(self) -> int:
        return self.count - len(self.lines)


def sections_of(run: DirectoryImport, *, shown: int | None = None, examples: int | None = None) -> Iterator[Section]:
    """What an import did, kind by kind; all of each, or so many lines as are to be shown."""
    for what, field in (("facilities", "facility_id"), ("sources", "source_id")):
        counts = run.counts.get(what, {})
        for kind in Kind:
            if kind.value in counts:
                changes = run.changes.filter(kind=kind, **{f"{field}__isnull": False}).order_by("name", "pk")
                lines = [in_words(change) for change in changes[:shown]]
                yield Section(what, f"{what.capitalize()} {kind.label}", counts[kind.value], lines, "neutral")
    for reason, facts in run.refusals.items():
        yield Section("refusals", f"Refused: {reason}", facts["count"], facts["examples"][:examples], "warning")


def _lines(run: DirectoryImport, *, all_names: bool) -> Iterator[str]:
    for what in ("facilities", "sources"):
        counts = run.counts.get(what, {})
        yield f"{what.capitalize()}: {counts.get('listed', 0)} listed{_told(counts)}"
    shown, examples = (None, None) if all_names else (FIRST, _FEW_EXAMPLES)
    for section in sections_of(run, shown=shown, examples=examples):
        yield f"{section.title} ({section.count})"
        yield from (f"    {line}" for line in section.lines)
        if section.more and section.what != "refusals":
            yield f"    and {section.more} more"
    if run.status == Status.UNCHANGED:
        yield "Nothing changed."


def _told(counts: dict[str, int]) -> str:
    told = [f"{counts[kind.value]} {kind.label}" for kind in Kind if kind.value in counts]
    return f"; {', '.join(told)}" if told else ""


def in_words(change: ImportChange) -> str:
    """One change in a line: what it is called, and what became of it."""
    before, after = change.before, change.after
    if change.kind == Kind.RENAMED:
        return f"{before['name']} → {after['name']}"
    if change.kind == Kind.MOVED:
        return f"{change.name}: {_place(before)} → {_place(after)}"
    if change.kind == Kind.CHANGED:
        return f"{change.name}: {fields_in_words(after)}"
    if change.kind == Kind.KEPT:
        said = ", ".join(
            f"{field_in_words(name.removeprefix(PINNED))}: the directory says {value_in_words(value)}"
            for name, value in after.items()
        )
        return f"{change.name}: {said}"
    return change.name


def _place(values: dict[str, Any]) -> str:
    told = [*(values.get(name) for name in _WHERE), values.get("address_line"), *(values.get("places") or [])]
    return ", ".join(part for part in told if part) or "–"


def value_in_words(value: Any) -> str:
    """What a directory says, for staff."""
    if isinstance(value, dict | list):
        return ", ".join(map(str, value)) or "nothing"
    return f"“{value}”" if value else "nothing"


def fields_in_words(values: dict[str, Any]) -> str:
    """The names of changed fields, for staff; its portals and entries are told together."""
    return ", ".join(dict.fromkeys(map(field_in_words, values)))


def field_in_words(name: str) -> str:
    if name.startswith(PORTAL):
        return "portals"
    if name.startswith(ENTRY):
        return "entry in the directory"
    return _WORDS.get(name, name)
