"""Several databases of one PostgreSQL server, one of which at a time is the product's."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


class Databases:
    """Connections to databases that all begin as copies of the product's, which is migrated and empty."""

    def __init__(self, names: list[str]) -> None:
        product = connections["default"]
        with _as_default(_connected(product, "postgres")) as server, server.cursor() as cursor:
            for name in names:
                cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{product.settings_dict["NAME"]}"')
        self._connections = {name: _connected(product, name) for name in names}

    @contextmanager
    def at(self, name: str) -> Iterator[BaseDatabaseWrapper]:
        """In here it is the product's database, for this thread."""
        with _as_default(self._connections[name]) as database:
            yield database


@contextmanager
def _as_default(database: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    before = connections["default"]
    connections["default"] = database
    try:
        yield database
    finally:
        connections["default"] = before


def _connected(like: BaseDatabaseWrapper, name: str) -> BaseDatabaseWrapper:
    # A pool belongs to the name "default", which all of them have.
    options = {option: value for option, value in like.settings_dict["OPTIONS"].items() if option != "pool"}
    return type(like)({**like.settings_dict, "NAME": name, "OPTIONS": options}, "default")
