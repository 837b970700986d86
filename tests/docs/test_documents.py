"""Documents tell the truth where a machine can tell: links, names, codes and the patients' sentences."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from common.error_pages import ERRORS
from patients.failures import STAFF_WORDS
from patients.models import FailureCode
from picker.presenters import FAILURES

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
DECISIONS = sorted(ROOT.glob("docs/adr/[0-9]*.md"))
APPS = [
    "common", "organizations", "sources", "webhooks", "patients", "records",
    "flows", "picker", "medblocks_connect", "sandbox", "tests",
]  # fmt: skip
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def prose(document: Path) -> str:
    """The text without blocks of code."""
    return FENCE.sub("", document.read_text())


def code(document: Path) -> str:
    """What is set as code, in blocks and in lines."""
    blocks = FENCE.findall(document.read_text())
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", prose(document))])


def links(document: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(document))


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ +(.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sources_of(*folders: str) -> Iterator[str]:
    for folder in folders:
        yield from (file.read_text() for file in sorted((ROOT / folder).rglob("*.py")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document):
    lost = []
    for link in links(document):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_in_a_document_exists(document):
    folders = "|".join([*APPS, "templates", "static", "bench", "docs"])
    named = re.findall(rf"^(?:{folders})/[\w./-]*$", code(document), re.MULTILINE)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_make_target_exists(document):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][\w-]*)", code(document))) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_and_its_options_exist(document):
    text = code(document).replace("\\\n", " ")
    for name, rest in re.findall(r"manage\.py ([a-z_]+)([^\n`#]*)", text):
        command = load_command_class(get_commands()[name], name)
        known = {
            option for action in command.create_parser("manage.py", name)._actions for option in action.option_strings
        }
        assert set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= known, name


def test_the_options_of_add_source_are_all_explained():
    text = (ROOT / "docs/portals-and-sources.md").read_text()
    options = re.findall(
        r'add_argument\("(--[a-z-]+)"', (ROOT / "sources/management/commands/add_source.py").read_text()
    )
    assert [option for option in options if f"| `{option}` |" not in text] == []


def test_every_setting_is_explained():
    read = re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "medblocks_connect/settings.py").read_text())
    assert len(read) > 10
    document = ROOT / "docs/settings.md"
    assert [name for name in read if name.lower() not in anchors(document)] == []
    assert [name for name in read if f"[`{name}`](#{name.lower()})" not in document.read_text()] == []


@pytest.mark.parametrize("failure", FailureCode.values)
def test_every_failure_code_is_explained_with_what_patients_and_staff_read(failure):
    [row] = re.findall(rf"^\| `{failure}` \|.*$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert all(sentences in row for sentences in FAILURES.get(failure, ()))
    assert STAFF_WORDS[failure] in row


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_code_is_in_the_contract(error):
    assert f"`{error}`" in (ROOT / "docs/contract.md").read_text()


def test_the_contract_has_the_sections_that_the_code_names():
    text = "\n".join(sources_of(*APPS))
    named = {
        number
        for group in re.findall(r"[Cc]ontract (§\d+(?:(?:, | and )§\d+)*)", text)
        for number in re.findall(r"\d+", group)
    }
    sections = set(re.findall(r"^## (\d+)\. ", (ROOT / "docs/contract.md").read_text(), re.MULTILINE))
    assert sections == {str(number) for number in range(1, 11)}
    assert named <= sections


def test_decisions_are_numbered_without_gaps_and_listed():
    numbers = [int(file.name[:4]) for file in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    index = (ROOT / "docs/adr/README.md").read_text()
    assert [file.name for file in DECISIONS if f"]({file.name})" not in index] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=name_of)
def test_a_decision_has_the_common_format(decision):
    lines = decision.read_text().splitlines()
    assert lines[0].startswith(f"# {decision.name[:4]}. ")
    assert re.fullmatch(r"Date: \d{4}-\d{2}-\d{2}", lines[2])
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]


def test_decisions_and_documents_that_the_code_names_exist():
    text = "\n".join(sources_of(*APPS))
    numbers = set(re.findall(r"docs/adr/(\d{4})", text))
    assert numbers <= {file.name[:4] for file in DECISIONS}
    assert [path for path in set(re.findall(r"docs/[\w/-]+\.md", text)) if not (ROOT / path).exists()] == []
