"""How PostgreSQL answers the statements that the product asks: the plan of each, and the pages that it touches."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
from django.db import connection

_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
# A table that staff keep by hand is on a page or two: reading it whole is the best plan.
FEW_ROWS = 1000
Node = dict[str, Any]


@dataclass(frozen=True)
class Explained:
    """One statement: its plan for these values, where it is prepared also the plan for any values, and the pages."""

    sql: str
    plans: list[Node]
    pages: int

    @property
    def nodes(self) -> Iterator[Node]:
        for plan in self.plans:
            yield from _nodes(plan)

    @property
    def tables_read_whole(self) -> set[str]:
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}


class Explainer:
    """As an execute wrapper: explains each statement just before it runs, in the transaction that it runs in."""

    def __init__(self) -> None:
        self.statements: list[Explained] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip(" (").upper().startswith(_EXPLAINED):
            is_prepared = not isinstance(context["cursor"].cursor, psycopg.ClientCursor)
            self.statements.append(_explain(sql, params, is_prepared))
        return execute(sql, params, many, context)


def explained(call: Callable[[], object]) -> list[Explained]:
    """The statements that `call` makes, in order."""
    explainer = Explainer()
    with connection.execute_wrapper(explainer):
        call()
    return explainer.statements


def large_tables() -> set[str]:
    """The tables that have more than FEW_ROWS rows, as far as the last ANALYZE saw."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", [FEW_ROWS])
        return {name for (name,) in cursor.fetchall()}


def _explain(sql: str, params: Any, is_prepared: bool) -> Explained:
    raw: psycopg.Connection[Any] = connection.connection
    # Analysing runs the statement; what it wrote is taken back.
    with raw.transaction(force_rollback=True), psycopg.ClientCursor(raw) as cursor:
        plan = _answer(cursor, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        plans = [plan]
        if is_prepared:
            numbers = count(1)
            general = "".join(f"${next(numbers)}" if part == "%s" else part for part in _parts(sql))
            plans.append(_answer(cursor, f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {general}", None))
    return Explained(sql, plans, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _answer(cursor: psycopg.ClientCursor[Any], statement: str, params: Any) -> Node:
    cursor.execute(statement, params)
    row = cursor.fetchone()
    assert row is not None
    answer = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    plan: Node = answer[0]["Plan"]
    return plan


def _parts(sql: str) -> Iterator[str]:
    """The statement, with each %s by itself."""
    first, *others = sql.split("%s")
    yield first
    for other in others:
        yield "%s"
        yield other


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
