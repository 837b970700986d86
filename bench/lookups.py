"""Everything that the API looks up, lists and writes, as calls of the product's own code in this process."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from django.db import connection
from django.utils import timezone

from bench.in_process import Caller
from bench.people import BUSIEST, SOURCES, People, base_url, email, reference
from common.pagination import page_of
from flows import links
from flows.closing import expire_lapsed
from flows.models import FlowStatus, PatientFlow
from organizations.models import ApiKey, Organization
from patients.models import Connection, ConnectionStatus

# So many random rows of each kind are looked up, one after the other and again: after the first round all are warm.
KEYS = 300
LAPSED_AT_ONCE = 20
RETURN_URL = "https://app.example/back"
Call = Callable[[], object]


@dataclass
class World:
    """One size: what keys are drawn from, each anew for each call."""

    people: People
    rng: random.Random
    caller: Caller = field(init=False)
    references: Iterator[str] = field(init=False)
    with_open_flows: Iterator[str] = field(init=False)
    flows: list[str] = field(init=False)
    flows_in_turn: Iterator[str] = field(init=False)
    connections: Iterator[tuple[str, str]] = field(init=False)
    numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.caller = Caller(self.people.secret)
        references = self.people.some_references(self.rng, KEYS)
        patients = self.organization.patients.filter(reference__in=references)
        flows = PatientFlow.objects.filter(patient__in=patients).values_list("pk", flat=True)
        self.flows = self.rng.sample(list(flows), KEYS)
        held = Connection.objects.filter(patient__in=patients).values_list("patient__reference", "pk")
        self.references, self.flows_in_turn = cycle(references), cycle(self.flows)
        self.with_open_flows = cycle(self.people.some_with_open_flows(self.rng, KEYS))
        self.connections = cycle(list(held))

    @property
    def organization(self) -> Organization:
        return self.people.organization

    def reference(self) -> str:
        return next(self.references)

    def flow(self) -> str:
        return next(self.flows_in_turn)

    def new(self) -> str:
        """The id of a patient that there is not yet."""
        return f"new-{next(self.numbers)}"

    def cursor(self) -> str:
        """A cursor of the list of patients, somewhere in it."""
        patients = self.organization.patients
        page = page_of(
            patients.filter(created_at__lte=patients.get(reference=self.reference()).created_at),
            order_by=("-created_at", "-id"),
            limit=1,
            starting_after=None,
            list_name=f"patients:{self.organization.id}:None:None",
            render=lambda patient: {},
        )
        return str(page["next_cursor"])


Prepare = Callable[[World], Call]


def lookups() -> dict[str, Prepare]:
    """By name, what prepares one call with a new key; only the call itself is measured."""
    return {
        "an API key by its digest": lambda world: lambda: _found(ApiKey.objects.with_secret(world.people.secret)),
        "GET /patients/{id}": lambda world: _get(world, f"/patients/{world.reference()}"),
        "GET /patients, first page": lambda world: _get(world, "/patients"),
        "GET /patients, a page in the middle": lambda world: _get(world, "/patients", starting_after=world.cursor()),
        "GET /patients?email=": lambda world: _get(world, "/patients", email=_email(world)),
        "GET /patients?patient_id=": lambda world: _get(world, "/patients", patient_id=world.reference()),
        "GET /patient-flows/{id}": lambda world: _get(world, f"/patient-flows/pf_{world.flow()}"),
        "a flow by its link": _by_link,
        **{f"GET a patient's flows{name}": _flows_of(status) for name, status in _STATUSES.items()},
        **{f"GET the busiest patient's flows{name}": _flows_of(status, BUSIEST) for name, status in _STATUSES.items()},
        "POST /patients": lambda world: _send(world, "POST", "/patients", {"patient_id": world.new()}),
        "PUT /patients/{id}": _replace,
        "POST /patient-flows, picker mode, new patient": lambda world: _post_flow(world, world.new()),
        "POST /patient-flows, picker mode, known patient": lambda world: _post_flow(world, world.reference()),
        "POST /patient-flows, direct mode": lambda world: _post_flow(world, world.new(), connection_id=_source(world)),
        "POST with a new Idempotency-Key": lambda world: _post_flow(world, world.new(), key=world.new()),
        "POST with a used Idempotency-Key": _replayed,
        "POST /patient-flows/{id}/expire": _expire,
        f"the sweep, {LAPSED_AT_ONCE} lapsed flows": _sweep,
        "DELETE /patients/{id}": _erase,
        "DELETE /patients/{id}/connections/{id}": _disconnect,
    }


_STATUSES = {"": None, "?status=open": "open", "?status=complete": "complete", "?status=expired": "expired"}


def _get(world: World, path: str, **query: str) -> Call:
    return lambda: world.caller.get(path, query)


def _send(world: World, method: str, path: str, body: dict[str, Any] | None, **headers: str) -> Call:
    return lambda: world.caller.send(method, path, body, **headers)


def _email(world: World) -> str:
    return email(int(world.reference().removeprefix("patient-")))


def _source(world: World) -> str:
    return base_url(world.rng.randrange(SOURCES))


def _by_link(world: World) -> Call:
    token = links.token_for(world.flow())
    return lambda: _found(PatientFlow.objects.with_token(token))


def _found(row: object) -> None:
    if row is None:
        raise RuntimeError("It was not found.")


def _flows_of(status: str | None, patient: int | None = None) -> Prepare:
    query = {"status": status} if status else {}

    def prepare(world: World) -> Call:
        drawn = next(world.with_open_flows if status == "open" else world.references)
        of = drawn if patient is None else reference(patient)
        return _get(world, f"/patients/{of}/patient-flows", **query)

    return prepare


def _replace(world: World) -> Call:
    of = world.reference()
    return _send(world, "PUT", f"/patients/{of}", {"patient_id": of, "email": "new@people.example"})


def _post_flow(world: World, patient: str, *, key: str | None = None, **more: str) -> Call:
    headers = {"Idempotency_Key": f"bench-{key}"} if key else {}
    body = {"patient_id": patient, "return_url": RETURN_URL, **more}
    return _send(world, "POST", "/patient-flows", body, **headers)


def _replayed(world: World) -> Call:
    call = _post_flow(world, world.reference(), key=world.new())
    call()
    return call


def _new_flow(world: World) -> str:
    made = world.caller.post("/patient-flows", {"patient_id": world.reference(), "return_url": RETURN_URL})
    return str(made["id"])


def _expire(world: World) -> Call:
    return _send(world, "POST", f"/patient-flows/{_new_flow(world)}/expire", None)


def _sweep(world: World) -> Call:
    """Of flows whose time ended in the last minute."""
    now = timezone.now()
    ended = {"status": FlowStatus.OPEN, "completed_at": None, "expires_at": now - timedelta(seconds=30)}
    PatientFlow.objects.filter(pk__in=world.rng.sample(world.flows, LAPSED_AT_ONCE)).update(**ended)

    def sweep() -> None:
        if expire_lapsed(now) != LAPSED_AT_ONCE:
            raise RuntimeError("Other flows had lapsed.")

    return sweep


def _erase(world: World) -> Call:
    """Of a patient with a flow, so that there is something to erase."""
    patient = world.new()
    _post_flow(world, patient)()
    return _send(world, "DELETE", f"/patients/{patient}", None)


def _disconnect(world: World) -> Call:
    of, made = next(world.connections)
    active = {"status": ConnectionStatus.ACTIVE, "access_token": "token", "refresh_token": "token"}
    Connection.objects.filter(pk=made).update(**active)
    return _send(world, "DELETE", f"/patients/{of}/connections/conn_{made}", None)


def checkpoint() -> None:
    """So that none begins by itself while something is measured."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
