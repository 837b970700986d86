"""docs/portals.md promises; each line names the tests that show it."""

import re
from pathlib import Path

import pytest

from records.verdicts import Verdict

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "portals.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what the portal does")]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_every_line_is_shown_by_tests_that_exist(row):
    _, does, answer, shown_by, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", row))
    names = [name.strip("`") for name in shown_by.split(", ")]

    assert does
    assert answer
    assert shown_by == ", ".join(f"`{name}`" for name in names)
    assert [name for name in names if name not in TESTS] == []


def test_words_in_italics_are_verdicts():
    known = {verdict.value.replace("_", " ") for verdict in Verdict} | {"partly here"}

    named = {words.lower() for row in ROWS for words in re.findall(r"(?<![\w*])\*([^*]+)\*(?![\w*])", row)}

    assert len(named) > 10
    assert named <= known
