"""The operations of the API, as they are routed."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

from organizations.api import ApiView
from organizations.requests import path_template


@dataclass(frozen=True)
class Operation:
    method: str
    route: str
    view: type[ApiView]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def operations() -> list[Operation]:
    """Every method of every path that an ApiView serves."""
    return [
        Operation(method, path_template(route), view)
        for route, view in _views(get_resolver(), "")
        for method in sorted(view.scopes)
    ]


def _views(resolver: URLResolver, above: str) -> Iterator[tuple[str, type[ApiView]]]:
    for pattern in resolver.url_patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern, route)
        elif isinstance(pattern, URLPattern) and issubclass(getattr(pattern.callback, "cls", object), ApiView):
            yield route, pattern.callback.cls
