import pytest
from django.db import connection as database

from patients.models import Connection
from tests.journey.conftest import browser, flow, portal, riverside  # noqa: F401  fixtures
from tests.patients.connected import connect_at


@pytest.fixture(autouse=True)
def _leave_no_jobs(db):
    """Tests that commit would leave their jobs to others: Django empties only tables of its own."""
    yield
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_periodic_defers; DELETE FROM procrastinate_jobs")


@pytest.fixture
def connection(api, browser, portal, riverside) -> Connection:  # noqa: F811
    """The access of patient p-1 to the portal, made by signing in there."""
    return connect_at(api, browser, portal, riverside)
