"""The trail of sign-ins on the pages of a patient, a flow and a sign-in."""

import re

import pytest
from django.utils.html import escape

from flows.models import Outcome
from patients.models import ConnectionStatus, FailureCode
from tests.admin.conftest import address
from tests.admin.world import HOSTILE, REQUEST_ID, new_sign_in


def page(staff, row) -> str:
    return staff.get(address(type(row), "change", row.pk)).content.decode()


@pytest.mark.parametrize("row", ["patient", "flow", "authorization"])
def test_the_trail_says_what_happened(staff, world, row):
    html = page(staff, getattr(world, row))

    assert "The portal refused to exchange the code for tokens." in html
    assert "invalid_grant" in html
    assert REQUEST_ID in html
    assert re.search(
        r"The patient chose the source.*Sent to the portal.*Came back from the portal.*Failed", html, re.DOTALL
    )


@pytest.mark.parametrize("row", ["patient", "flow", "authorization", "event"])
def test_the_words_of_a_portal_are_escaped(staff, world, row):
    html = page(staff, getattr(world, row))

    assert HOSTILE not in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert escape(HOSTILE) in html


def test_the_list_of_events_escapes_too(staff, world):
    html = staff.get(address(type(world.event), "changelist")).content.decode()

    assert "<script>alert" not in html
    assert escape(HOSTILE) in html


def test_the_newest_sign_in_comes_first(staff, world):
    newer = new_sign_in(world.flow, world.source, world.registration, world.failed)
    html = page(staff, world.patient)

    assert html.index(newer.pk) < html.index(world.authorization.pk)


def test_a_patient_page_shows_connections_in_plain_words(staff, world):
    html = page(staff, world.patient)

    assert "Riverside Hospital" in html
    assert "token_exchange_failed" in html
    assert f"conn_{world.connection.pk}" in html
    assert world.flow.public_id in html


def test_hostile_names_are_escaped_everywhere(staff, world):
    type(world.patient).objects.update(name=HOSTILE, metadata={HOSTILE: HOSTILE})
    type(world.source).objects.update(name=HOSTILE)

    for row in (world.patient, world.flow, world.connection, world.pull, world.authorization, world.source):
        for path in (address(type(row), "changelist"), address(type(row), "change", row.pk), "/admin/"):
            html = staff.get(path).content.decode()
            assert "<script>alert" not in html
            assert "<img src=x" not in html


@pytest.mark.parametrize("codes", [Outcome, FailureCode, ConnectionStatus])
def test_no_list_shows_a_code_for_words(codes):
    assert [
        code.label for code in codes if "_" in code.value and code.label.lower() == code.value.replace("_", " ")
    ] == []
