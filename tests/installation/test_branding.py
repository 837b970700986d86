"""A workspace's look: legible, small, and from this site only."""

import pytest
from django.core.exceptions import ValidationError

from organizations import branding
from organizations.models import Organization
from organizations.origins import validate_frame_ancestor, validate_return_origin

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


@pytest.mark.parametrize("color", ["#000000", "#0b5c8a", "#767676", "#B00020"])
def test_a_colour_that_white_text_can_be_read_on_is_accepted(color):
    branding.validate_accent_color(color)


@pytest.mark.parametrize("color", ["#ffffff", "#777777", "#ffcc00", "red", "#abc", "#12345g", "", "#0b5c8a;x"])
def test_any_other_is_refused_with_the_reason(color):
    with pytest.raises(ValidationError, match=r"contrast|hexadecimal"):
        branding.validate_accent_color(color)


@pytest.mark.parametrize("color", ["#000000", "#0b5c8a", "#5a00a0", "#7a1010"])
def test_in_the_dark_the_accent_is_lightened_until_it_can_be_read(color):
    assert branding.contrast(branding.lightened(color), branding.DARK_BACKGROUND) >= 4.5


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"GIF89a", b"", b"MZ", PNG[:4]])
def test_a_logo_that_is_no_image_of_ours_is_refused(content):
    with pytest.raises(ValidationError):
        branding.logo_type(content)


def test_a_logo_that_would_slow_the_page_is_refused():
    with pytest.raises(ValidationError, match="KB"):
        branding.logo_type(PNG + b"0" * branding.MAX_LOGO_BYTES)


def test_colour_and_logo_are_served_for_ever_under_an_address_that_changes_with_them(client, organization):
    before = organization.branding_version
    Organization.objects.update(logo=PNG, accent_color="#5a00a0")
    organization.refresh_from_db()

    style = client.get(f"/branding/{organization.id}/{organization.branding_version}/accent.css")
    logo = client.get(f"/branding/{organization.id}/{organization.branding_version}/logo")

    assert organization.branding_version != before
    assert "--mc-accent:#5a00a0" in style.content.decode()
    assert (style["Content-Type"], logo["Content-Type"]) == ("text/css", "image/png")
    assert "immutable" in style["Cache-Control"]
    assert "immutable" in logo["Cache-Control"]


def test_branding_of_nobody_is_not_found(client, db):
    assert client.get("/branding/x/y/accent.css").status_code == 404
    assert client.get("/branding/x/y/logo").status_code == 404


@pytest.mark.parametrize(
    "origin", ["https://app.example", "https://app.example:8443", "http://localhost:3000", "myapp:"]
)
def test_return_origins_that_are_fine(origin):
    validate_return_origin(origin)


@pytest.mark.parametrize(
    "origin",
    ["https://app.example/", "https://app.example/x", "http://app.example", "javascript:", "data:", "https:", "*",
     "https://*.example", "https://a.example; script-src *", "https://a b", "app.example", ""],
)  # fmt: skip
def test_return_origins_that_are_refused(origin):
    with pytest.raises(ValidationError):
        validate_return_origin(origin)


def test_a_frame_ancestor_is_a_web_origin_only():
    validate_frame_ancestor("https://app.example")
    with pytest.raises(ValidationError):
        validate_frame_ancestor("myapp:")
