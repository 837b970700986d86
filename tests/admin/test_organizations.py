"""Workspaces in the admin: environment for good, a legible colour, a logo we can serve."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError

from organizations.models import Organization
from tests.admin.conftest import address

REQUIRED = {"accent_color": "#0b5c8a", "unavailable_sources": "hidden"}
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def change(staff, organization, **fields):
    form = {"name": organization.name, **REQUIRED, **fields}
    answer = staff.post(address(Organization, "change", organization.pk), form)
    organization.refresh_from_db()
    return answer


def test_a_workspace_is_added(staff, db):
    form = {"name": "New Health", "environment": "production", **REQUIRED}

    assert staff.post(address(Organization, "add"), form).status_code == 302
    assert Organization.objects.get().environment == "production"


def test_the_environment_cannot_change(staff, organization):
    assert change(staff, organization, environment="production", name="Renamed").status_code == 302

    assert organization.name == "Renamed"
    assert organization.environment == "sandbox"


def test_a_colour_that_white_text_cannot_be_read_on_is_refused(staff, organization):
    answer = change(staff, organization, accent_color="#ffee00")

    assert "White text on this colour has a contrast of" in answer.content.decode()
    assert organization.accent_color == "#0b5c8a"


def test_a_logo_is_uploaded_shown_and_removed(staff, organization):
    change(staff, organization, new_logo=SimpleUploadedFile("logo.png", PNG))
    assert bytes(organization.logo) == PNG
    html = staff.get(address(Organization, "change", organization.pk)).content.decode()
    assert f"/branding/{organization.pk}/" in html

    change(staff, organization)
    assert bytes(organization.logo) == PNG

    change(staff, organization, remove_logo="on")
    assert bytes(organization.logo) == b""


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", PNG + b"0" * 16 * 1024])
def test_a_logo_that_we_would_not_serve_is_refused(staff, organization, content):
    answer = change(staff, organization, new_logo=SimpleUploadedFile("logo.png", content))

    assert "new_logo" in answer.context["adminform"].form.errors
    assert bytes(organization.logo) == b""


def test_origins_are_typed_one_per_line_and_checked(staff, organization):
    change(staff, organization, allowed_return_origins="https://app.example\r\n\r\n myapp: \r\n")
    assert organization.allowed_return_origins == ["https://app.example", "myapp:"]

    html = staff.get(address(Organization, "change", organization.pk)).content.decode()
    assert "https://app.example\nmyapp:" in html

    answer = change(staff, organization, allowed_return_origins="javascript:")
    assert "allowed_return_origins" in answer.context["adminform"].form.errors


def test_a_workspace_has_a_contact_for_mails_or_none(staff, organization):
    change(staff, organization, contact_email="team@bluebird.example")
    assert organization.contact_email == "team@bluebird.example"

    answer = change(staff, organization, contact_email="team@bluebird.example\nBcc: everybody@example.org")
    assert "contact_email" in answer.context["adminform"].form.errors

    change(staff, organization, contact_email="")
    assert organization.contact_email == ""


def test_a_workspace_says_whether_patients_see_what_is_not_available_yet(staff, organization):
    assert not organization.shows_unavailable_sources

    change(staff, organization, unavailable_sources="shown")
    assert organization.shows_unavailable_sources


def test_the_database_knows_only_these_two(organization):
    with pytest.raises(IntegrityError, match="organizations_organization_unavailable_sources_known"):
        Organization.objects.update(unavailable_sources="perhaps")


def test_a_workspace_is_never_deleted(staff, organization):
    assert staff.post(address(Organization, "delete", organization.pk), {"post": "yes"}).status_code == 403
