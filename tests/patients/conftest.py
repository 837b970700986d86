import pytest

from patients.models import Connection
from tests.journey.conftest import browser, flow, portal, riverside  # noqa: F401  fixtures
from tests.patients.connected import connect_at


@pytest.fixture
def connection(api, browser, portal, riverside) -> Connection:  # noqa: F811
    """The access of patient p-1 to the portal, made by signing in there."""
    return connect_at(api, browser, portal, riverside)
