from pathlib import Path

from sandbox.people import PORTAL_USERS
from sandbox.systems import SYSTEMS

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "sandbox.md").read_text()
GOOD, BAD = DOCUMENT.split("## People whose portal misbehaves")


def test_the_document_has_a_line_for_every_person_in_the_right_table():
    missing = [
        user.username
        for user in PORTAL_USERS
        if f"| `{user.username}` |" not in (GOOD if user.is_treated_well else BAD)
    ]

    assert missing == []


def test_the_document_has_a_line_for_every_portal():
    assert all(f"| {system.name} | `{system.slug}` |" in GOOD for system in SYSTEMS)
