"""Rows of several models read side by side, by a statement that is composed once and planned once.

For what happens with every request or keystroke. A queryset composes its SQL anew each time and PostgreSQL plans it
anew, which together take several times what the answer itself does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import Any

import psycopg
from django.db import connection, connections, models
from django.db.models.base import ModelState
from django.db.utils import DEFAULT_DB_ALIAS


class Statement:
    """A SELECT of models, each under an alias.

        Statement(
            "SELECT {columns} FROM {key} JOIN {owner} ON owner.id = key.owner_id WHERE key.digest = %s",
            key=(ApiKey, None),
            owner=(Organization, ("id", "name")),
        )

    reads every column of a key and two of its owner. `{columns}` stands for the columns in the order of the
    aliases, `{key}` for the table under its alias. The primary key has to be the first column of each. Fields that
    are not named are deferred, as by `QuerySet.only`.

    A list goes in by `among`, and one of numbers as `listed` writes it.
    """

    def __init__(self, template: str, **models_and_names: tuple[type[models.Model], Sequence[str] | None]) -> None:
        self._template = template
        self._parts = [
            (alias, model, tuple(names or (field.attname for field in model._meta.concrete_fields)))
            for alias, (model, names) in models_and_names.items()
        ]

    def rows(self, *parameters: Any) -> Iterator[list[Any]]:
        """For each row its models in the order of the aliases; None for one that an outer join did not find."""
        database = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up with each use
        for row in self._read(database, parameters):
            values = list(row)
            for place, convert in self._converters:
                values[place] = convert(values[place])
            yield [
                None if values[own.start] is None else _instance(model, names, values[own], database.alias)
                for model, names, own in self._slices
            ]

    def _read(self, database: Any, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows as they come. Past Django's cursor, unless somebody listens there: it wraps each step anew."""
        database.ensure_connection()
        database.validate_no_broken_transaction()
        with database.wrap_database_errors, _PreparingCursor(database.connection) as prepared:
            cursor: Any = prepared
            if database.queries_logged or database.execute_wrappers:
                make = database.make_debug_cursor if database.queries_logged else database.make_cursor
                cursor = make(prepared)
            cursor.execute(self._text, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    @cached_property
    def _text(self) -> str:
        quoted = connection.ops.quote_name
        columns = ", ".join(f"{alias}.{quoted(str(field.column))}" for alias, field in self._fields)
        tables = {alias: f"{quoted(model._meta.db_table)} {alias}" for alias, model, _ in self._parts}
        return self._template.format(columns=columns, **tables)

    @cached_property
    def _slices(self) -> list[tuple[type[models.Model], Sequence[str], slice]]:
        """Of each model its columns, and where they are in a row."""
        ends = accumulate(len(names) for _, _, names in self._parts)
        parts = zip(self._parts, ends, strict=True)
        return [(model, names, slice(end - len(names), end)) for (_, model, names), end in parts]

    @cached_property
    def _fields(self) -> "list[tuple[str, models.Field[Any, Any]]]":
        return [
            (alias, next(field for field in model._meta.concrete_fields if field.attname == name))
            for alias, model, names in self._parts
            for name in names
        ]

    @cached_property
    def _converters(self) -> list[tuple[int, Callable[[Any], Any]]]:
        return [
            (place, partial(convert, expression=None, connection=connection))
            for place, (_, field) in enumerate(self._fields)
            for convert in field.get_db_converters(connection)
        ]


def among(kind: str) -> str:
    """One of a list, whose values are of this type of PostgreSQL's.

    The subquery hides how many they are. With `ANY(%s)` PostgreSQL guesses ten, finds that a plan for fewer costs less,
    and makes one anew each time, which takes longer than the reading.
    """
    return f"ANY(ARRAY(SELECT unnest(%s::{kind}[])))"


def listed(numbers: Iterable[int]) -> str:
    """Whole numbers as the parameter of `among`.

    As text: of a list psycopg names the smallest type that fits its numbers, and each type is a plan of its own.
    """
    return f"{{{','.join(map(str, numbers))}}}"


def relate(instance: models.Model, **related: models.Model | None) -> None:
    """Give an instance of `rows` what its foreign keys lead to. Assigning it would check, once more, that it fits."""
    instance._state.fields_cache.update(related)


def columns_but(model: type[models.Model], *names: str) -> list[str]:
    """The columns of a model but these."""
    return [field.attname for field in model._meta.concrete_fields if field.attname not in names]


def _instance(model: type[models.Model], names: Sequence[str], values: Sequence[Any], database: str) -> models.Model:
    """What `Model.from_db` makes, without what takes it ten times as long: signals, descriptors, deferred markers."""
    instance = model.__new__(model)
    instance._state = ModelState()
    instance._state.adding, instance._state.db = False, database
    instance.__dict__.update(zip(names, values, strict=True))
    return instance


class _PreparingCursor(psycopg.Cursor[tuple[Any, ...]]):
    """Values go to the server apart from the statement, so that its plan can be used again."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_PreparingCursor":
        return super().execute(query, params, **{"prepare": True, **options})
