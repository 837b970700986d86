"""A patient with access to one chart, and nothing read from it yet."""

import pytest

from patients.models import Connection, Patient
from patients.operations import create_patient
from tests.records.stored import connection_of


@pytest.fixture
def patient(organization) -> Patient:
    """Patient p-1 of the workspace."""
    return create_patient(organization=organization, reference="p-1")


@pytest.fixture
def access(patient) -> Connection:
    """Access of patient p-1, written into the database: no portal knows it."""
    return connection_of(patient)
