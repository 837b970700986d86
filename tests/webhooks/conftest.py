"""The fixtures of the patient's journey: most of what apps are told of happens on it."""

import pytest

from tests.journey.conftest import browser, flow, portal, riverside
from tests.patients.conftest import connection

__all__ = ["browser", "connection", "flow", "portal", "riverside"]


@pytest.fixture
def path(connection) -> str:
    """Where the app disconnects that connection."""
    return f"/patients/{connection.patient.reference}/connections/conn_{connection.pk}"
