"""Requests of the API, turned up to the newest version if they are of an older one."""

import re
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, QueryDict
from rest_framework.request import Request

from common import versions

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


class ApiRequest(Request):
    """A request whose `data` and `query_params` are as the newest version has them, whatever `api_version` it is of."""

    api_version: str = versions.current()

    @property
    def data(self) -> Any:
        given = super().data
        if self.api_version == versions.current():
            return given
        return versions.body_up(self.operation, given, self.api_version)

    @property
    def query_params(self) -> QueryDict:  # type: ignore[override]  # its stub promises an immutable one
        given = super().query_params
        if self.api_version == versions.current() or any(len(values) > 1 for _, values in given.lists()):
            return given  # what is given twice is refused anyway, under the name that the client knows
        turned = QueryDict(mutable=True)
        turned.update(versions.query_up(self.operation, given.dict(), self.api_version))
        return turned

    @property
    def operation(self) -> str:
        """`GET /patients/{reference}`: the name by which a version's changes find what they concern."""
        return operation_of(self._request)


def operation_of(request: HttpRequest) -> str:
    match = request.resolver_match
    return f"{'GET' if request.method == 'HEAD' else request.method} {path_template(match.route if match else '')}"


@lru_cache(maxsize=500)
def path_template(route: str) -> str:
    return "/" + _PARAMETER.sub(r"{\1}", route)
