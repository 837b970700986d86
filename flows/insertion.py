"""Writing a new flow and its patient down, in one statement.

It is what `POST /patient-flows` does most: one round trip, no transaction around it, nothing to retry.
"""

# ruff: noqa: S608  the statement is made of our tables' and columns' names, and of placeholders

from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DEFAULT_DB_ALIAS

from common.statements import Statement, relate
from flows.models import PatientFlow
from patients.models import Patient


def insert_with_patient(flow: PatientFlow, patient: Patient) -> None:
    """Insert `flow` for `patient`, who is made unless the workspace has one of that reference. All or nothing.

    A given email or name overwrites a different one; what is not given is left alone. `flow.patient` is the patient who
    is stored: the id and reference, the rest is read when it is asked for. Two calls that name the same new patient at
    the same instant both get the one row, and one that meets a deletion makes the patient anew.
    """
    [[stored]] = _INSERT.rows(*_values(patient, _PATIENT_COLUMNS), *_values(flow, _FLOW_COLUMNS))
    flow.patient_id = stored.pk
    relate(flow, patient=stored)
    flow._state.adding, flow._state.db = False, DEFAULT_DB_ALIAS


def _columns(model: type[models.Model], *, but: str | None = None) -> "list[_Column]":
    return [_Column(field) for field in model._meta.concrete_fields if field.column != but]


class _Column:
    """A column to write."""

    def __init__(self, field: "models.Field[Any, Any]") -> None:
        self._field, self._attribute = field, field.attname
        is_now = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        self._is_as_given = type(field) in _AS_GIVEN and not is_now
        self.name = str(field.column)

    def value(self, row: models.Model, database: BaseDatabaseWrapper) -> Any:
        """What to write of the row."""
        if self._is_as_given:
            return row.__dict__[self._attribute]
        return self._field.get_db_prep_save(self._field.pre_save(row, True), database)


def _values(row: models.Model, columns: list[_Column]) -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up for each
    return [column.value(row, database) for column in columns]


def _into(columns: list[_Column]) -> tuple[str, str]:
    return ", ".join(column.name for column in columns), ", ".join(["%s"] * len(columns))


def _statement() -> Statement:
    patient_columns, patient_values = _into(_PATIENT_COLUMNS)
    flow_columns, flow_values = _into(_FLOW_COLUMNS)
    differs = " OR ".join(f"coalesce(excluded.{name}, known.{name}) IS DISTINCT FROM known.{name}" for name in _GIVEN)
    overwrite = ", ".join(f"{name} = coalesce(excluded.{name}, known.{name})" for name in _GIVEN)
    # A patient who is known is written even where nothing changes: only what is written is returned, and locked
    # against being deleted meanwhile. As no index changes with it, that costs little.
    return Statement(
        f"WITH patient AS (INSERT INTO {Patient._meta.db_table} AS known ({patient_columns}) VALUES ({patient_values})"
        f" ON CONFLICT (organization_id, reference) DO UPDATE SET {overwrite},"
        f" updated_at = CASE WHEN {differs} THEN excluded.updated_at ELSE known.updated_at END RETURNING *),"
        f" flow AS (INSERT INTO {PatientFlow._meta.db_table} ({flow_columns}, patient_id)"
        f" VALUES ({flow_values}, (SELECT id FROM patient)))"
        " SELECT {columns} FROM patient",
        patient=(Patient, ("id", "reference")),
    )


_GIVEN = ("email", "name")
# psycopg takes their values. (Others, and those of a class made of one of these, may be stored as something else.)
_AS_GIVEN = {models.CharField, models.TextField, models.DateTimeField, models.ForeignKey}
_PATIENT_COLUMNS = _columns(Patient)
_FLOW_COLUMNS = _columns(PatientFlow, but="patient_id")
_INSERT = _statement()
