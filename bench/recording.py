"""What one request asks of the database, so that something else can ask the same."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction

from common.ids import new_ulid
from flows import links
from organizations import keys


class Part(Enum):
    """A value that is another one in each request."""

    KEY_DIGEST = auto()
    REFERENCE = auto()
    """The patient's id, as the app gave it."""
    PATIENT = auto()
    """The patient's id, ours."""
    FLOW = auto()
    LINK_DIGEST = auto()


Values = dict[Part, Any]
Json = dict[str, Any]


@dataclass(frozen=True)
class Later:
    """A time, that much after the request began."""

    by: timedelta


@dataclass
class Step:
    """One statement. `patient_at` is the column of its first row with the patient's id, where it has one."""

    sql: str
    parameters: list[Any]
    is_prepared: bool
    is_in_transaction: bool
    patient_at: int | None = None


@dataclass
class Recording:
    """The statements of one request, in order, each with all that its answer held."""

    steps: list[Step] = field(default_factory=list)
    rows: list[list[list[bytes | None]]] = field(default_factory=list)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        cursor = context["cursor"].cursor
        self.steps.append(Step(sql, list(params or ()), _is_prepared(cursor), connection.in_atomic_block))
        self.rows.append(_rows_of(cursor))
        return answer

    def with_parts(self, values: Values, now: datetime) -> list[Step]:
        """The statements with a Part in place of each value that only this request has, and Later for times.

        Raises ValueError where one of the values is nowhere: what the request does is then not understood.
        """
        parts = {value: part for part, value in values.items()}
        seen: set[Part] = set()
        for step, rows in zip(self.steps, self.rows, strict=True):
            step.parameters = [_part(value, parts, now) for value in step.parameters]
            seen |= {value for value in step.parameters if isinstance(value, Part)}
            patient = str(values[Part.PATIENT]).encode()
            if rows and patient in rows[0]:
                step.patient_at = rows[0].index(patient)
                seen.add(Part.PATIENT)
        if seen != set(values):
            raise ValueError(f"No statement has {', '.join(part.name for part in set(values) - seen)}.")
        return self.steps


def save(kind: str, recording: Recording, answer: Json, *, patient_id: str, secret: str, now: datetime) -> int:
    """Keep the statements and the answer of a POST of a flow for `load`; how many statements they are."""
    flow = answer["id"].removeprefix("pf_")
    values = {
        Part.KEY_DIGEST: keys.digest(secret),
        Part.REFERENCE: answer["patient_id"],
        Part.PATIENT: patient_id,
        Part.FLOW: flow,
        Part.LINK_DIGEST: links.digest(links.token_for(flow)),
    }
    steps = recording.with_parts(values, now)
    path = _path(kind)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps((steps, answer)))
    return len(steps)


@cache
def load(kind: str) -> tuple[list[Step], Json]:
    """What `save` kept."""
    steps, answer = pickle.loads(_path(kind).read_bytes())  # noqa: S301  our own file
    return steps, answer


def _path(kind: str) -> Path:
    return Path(settings.VAR_DIR) / "recordings" / kind


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record what this thread asks of the database in here."""
    recording = Recording()
    with connection.execute_wrapper(recording):
        yield recording


def replay(steps: list[Step], values: Values, now: datetime) -> Values:
    """Ask the same of the database, in the same transactions, for a new flow; `values` and what was made or found."""
    flow = new_ulid()
    made = {Part.PATIENT: new_ulid(), Part.FLOW: flow, Part.LINK_DIGEST: links.digest(links.token_for(flow))}
    values = made | values
    for number, step in enumerate(steps):
        if step.is_in_transaction and not (number and steps[number - 1].is_in_transaction):
            with transaction.atomic():
                for inner in _until_commit(steps, number):
                    _run(inner, values, now)
        elif not step.is_in_transaction:
            _run(step, values, now)
    return values


def _until_commit(steps: list[Step], start: int) -> Iterator[Step]:
    for step in steps[start:]:
        if not step.is_in_transaction:
            return
        yield step


def _run(step: Step, values: Values, now: datetime) -> None:
    parameters = [_filled(value, values, now) for value in step.parameters]
    if step.is_prepared:
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(step.sql, parameters, prepare=True)
            rows = cursor.fetchall() if cursor.description else []
    else:
        with connection.cursor() as plain:
            plain.execute(step.sql, parameters or None)
            rows = plain.fetchall() if plain.description else []
    if step.patient_at is not None and rows:
        values[Part.PATIENT] = rows[0][step.patient_at]


def _is_prepared(cursor: Any) -> bool:
    """Whether its values go to the server apart from the statement, as in common/statements.py."""
    return not isinstance(cursor, psycopg.ClientCursor)


def _rows_of(cursor: Any) -> list[list[bytes | None]]:
    result = cursor.pgresult
    if result is None:
        return []
    return [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]


def _part(value: Any, parts: dict[Any, Part], now: datetime) -> Any:
    if isinstance(value, datetime):
        return Later(value - now)
    return parts.get(value, value) if isinstance(value, str) else value


def _filled(value: Any, values: Values, now: datetime) -> Any:
    if isinstance(value, Part):
        return values[value]
    return now + value.by if isinstance(value, Later) else value
