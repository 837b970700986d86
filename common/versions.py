"""API versions. A key is pinned to one; a request may ask for another with the `Version` header."""

from common.errors import UnsupportedVersion

CURRENT = "2026-04-25"
SUPPORTED = (CURRENT,)


def negotiate(requested: str | None, pinned: str) -> str:
    """The version that answers. Raises UnsupportedVersion for one that was never published."""
    version = requested if requested is not None else pinned
    if version not in SUPPORTED:
        raise UnsupportedVersion(f"This API has no such version. Supported: {', '.join(SUPPORTED)}.")
    return version
