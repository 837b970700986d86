"""How a workspace looks on the hosted pages: its accent colour, made legible, and its logo.

The contrast rule is WCAG 2.2's relative luminance (success criterion 1.4.3).
"""

import re

from django.core.exceptions import ValidationError

DEFAULT_ACCENT = "#0b5c8a"
DARK_BACKGROUND = "#14191f"
MIN_CONTRAST = 4.5
MAX_LOGO_BYTES = 16 * 1024
# The first bytes of a file say what it is; its name and the browser's word do not.
LOGO_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
}

Rgb = tuple[float, float, float]


def parse_color(text: str) -> Rgb:
    """Red, green and blue from 0 to 1. Raises ValueError unless `text` is `#rrggbb`."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is not a colour like #0b5c8a")
    red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def contrast(first: str, second: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(parse_color(first)), _luminance(parse_color(second))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Rgb) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def lightened(color: str, against: str = DARK_BACKGROUND) -> str:
    """`color` mixed with just enough white to be read on a dark background."""
    red, green, blue = parse_color(color)
    for step in range(0, 101, 5):
        mixed = [part + (1 - part) * step / 100 for part in (red, green, blue)]
        candidate = "#" + "".join(f"{round(part * 255):02x}" for part in mixed)
        if contrast(candidate, against) >= MIN_CONTRAST + 1:
            return candidate
    return "#ffffff"


def validate_accent_color(value: str) -> None:
    """Raises ValidationError unless `value` is `#rrggbb` that white text can be read on."""
    try:
        ratio = contrast(value, "#ffffff")
    except ValueError as error:
        raise ValidationError("Write the colour as # and six hexadecimal digits, for example #0b5c8a.") from error
    if ratio < MIN_CONTRAST:
        raise ValidationError(
            f"White text on this colour has a contrast of {ratio:.1f} to 1. It needs {MIN_CONTRAST} to 1: choose a "
            "darker one."
        )


def logo_type(content: bytes) -> str:
    """The media type of a logo. Raises ValidationError for what is too large or not an image we serve."""
    if len(content) > MAX_LOGO_BYTES:
        raise ValidationError(f"The logo may have at most {MAX_LOGO_BYTES // 1024} KB, so that pages load quickly.")
    for signature, media_type in LOGO_TYPES.items():
        if content.startswith(signature):
            return media_type
    raise ValidationError("Upload the logo as PNG, JPEG or WebP.")


def stylesheet(accent: str) -> str:
    """The one rule that colours the hosted pages in light and dark."""
    return (
        f":root{{--mc-accent:{accent};--mc-accent-text:{accent}}}"
        f"@media(prefers-color-scheme:dark){{:root{{--mc-accent-text:{lightened(accent)}}}}}\n"
    )
