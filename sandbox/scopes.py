"""SMART scopes, versions 1 and 2: which a system grants, and what a granted one allows."""

import re
from collections.abc import Iterable

from sandbox.manners import Manners
from sandbox.systems import HealthSystem

OFFLINE = "offline_access"
CONTEXT_SCOPES = ("launch/patient", OFFLINE)
# v1 writes "read" for both; in v2 "r" reads by id and "s" searches.
_RESOURCE_SCOPE = re.compile(r"patient/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<rights>read|rs|r|s)")
READ, SEARCH = "r", "s"


def supported(system: HealthSystem) -> list[str]:
    """What the system announces. `openid` and `fhirUser` are not among it: there is no id token."""
    wildcards = ["patient/*.rs", "patient/*.read"]
    return [*CONTEXT_SCOPES, *wildcards, *(f"patient/{name}.rs" for name in system.types)]


def grantable(system: HealthSystem, scopes: Iterable[str]) -> list[str]:
    """Those of `scopes` that this system can grant, in order. The others are left out, as RFC 6749 3.3 allows."""
    return [scope for scope in dict.fromkeys(scopes) if scope in CONTEXT_SCOPES or _opens(system, scope)]


def granted(system: HealthSystem, scopes: Iterable[str], manners: Manners) -> list[str]:
    """What the portal really grants of `scopes`, for somebody whom it treats like this. A wildcard becomes a list."""
    asked = [scope for scope in grantable(system, scopes) if manners.grants_offline or scope != OFFLINE]
    if manners.shares is None:
        return asked
    shared = [name for name in manners.shares if name in system.types]
    return list(dict.fromkeys(part for scope in asked for part in _shared(scope, shared)))


def _shared(scope: str, types: list[str]) -> list[str]:
    """What is left of a scope where only these types are shared."""
    match = _RESOURCE_SCOPE.fullmatch(scope)
    if match is None:
        return [scope]
    return [f"patient/{name}.{match['rights']}" for name in types if match["type"] in ("*", name)]


def _opens(system: HealthSystem, scope: str) -> bool:
    match = _RESOURCE_SCOPE.fullmatch(scope)
    return match is not None and match["type"] in ("*", *system.types)


def allows(scopes: Iterable[str], resource_type: str, right: str) -> bool:
    """Whether one of `scopes` gives `right` (READ or SEARCH) on this resource type."""
    matches = (_RESOURCE_SCOPE.fullmatch(scope) for scope in scopes)
    return any(
        match["type"] in ("*", resource_type) and (match["rights"] == "read" or right in match["rights"])
        for match in matches
        if match
    )


def opened_types(system: HealthSystem, scopes: Iterable[str]) -> list[str]:
    """The resource types that `scopes` open at this system."""
    granted = list(scopes)
    return [name for name in system.types if allows(granted, name, READ) or allows(granted, name, SEARCH)]
