"""Patients with access to one chart: written into the database, or by signing in at a portal."""

import pytest

from patients.models import Connection, Patient
from patients.operations import create_patient
from tests.journey.patient import PatientBrowser
from tests.records.charts import Chart
from tests.records.pulled import chart_at
from tests.records.stored import connection_of


@pytest.fixture
def patient(organization) -> Patient:
    """Patient p-1 of the workspace."""
    return create_patient(organization=organization, reference="p-1")


@pytest.fixture
def access(patient) -> Connection:
    """Access of patient p-1, written into the database: no portal knows it."""
    return connection_of(patient)


@pytest.fixture
def browser() -> PatientBrowser:
    return PatientBrowser()


@pytest.fixture
def charted(transactional_db, api, browser):
    """A portal, the chart behind it, and the connection of patient p-1, who signed in there."""
    with chart_at(api, browser) as (portal, chart, connection):
        yield portal, chart, connection
        assert portal.violations == []


@pytest.fixture
def chart(charted) -> Chart:
    return charted[1]


@pytest.fixture
def connection(charted) -> Connection:
    return charted[2]
