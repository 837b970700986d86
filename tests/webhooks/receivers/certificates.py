"""How a receiver shows who it is."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme


class Authority:
    """Makes certificates. Ours is trusted within a test; anybody else's is not."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def is_trusted(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        path = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(path)
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))

    def certifies(self, name: str, *, until: datetime | None = None) -> ssl.SSLContext:
        """The receiver's side of TLS, as the machine of that name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name, not_after=until).configure_cert(context)
        return context


def yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)
