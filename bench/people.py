"""Patients, flows and connections in numbers, written by COPY into an empty database.

Everything is made from a row's number, so that a benchmark knows what there is without reading it. One patient has a
hundredth of all flows, as the one that developers test with has.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from ulid.base32 import ENCODE as BASE32

from bench.filling import copy_into
from bench.loading import without_indexes
from common.encryption import box
from flows import links
from flows.models import Authorization, AuthorizationEvent, PatientFlow
from organizations import keys
from organizations.models import ApiKey, Environment, IdempotencyKey, Organization, patient_digest
from organizations.operations import create_api_key, create_organization
from patients.models import Connection, Patient
from sources.base_urls import source_id
from sources.imports.copying import copy_rows
from sources.models import ClientRegistration, Source

FLOWS_PER_PATIENT = 3
# Of so many flows one led to a connection, was made with an Idempotency-Key, had a job, or is the busiest patient's.
# (None divides the number of patients, or the same patients would have them all.)
PER_CONNECTION, PER_KEY, PER_JOB, PER_BUSIEST = 11, 9, 7, 99
# The newest flows are open, none for longer than a flow may be.
OPEN_SHARE, OPEN_FOR = 1 / 200, timedelta(days=1)
BUSIEST = 0
WORKSPACES = 2000
SOURCES = 1250
VENDOR = "bench"
PERIOD = timedelta(days=180)
_SCATTER = 0x9E3779B97F4A7C15F39D
_PAIRS = [first + second for first in BASE32 for second in BASE32]
Row = dict[str, Any]


@dataclass(frozen=True)
class People:
    """What was written. Every second patient belongs to `organization`, whose API key has `secret`."""

    organization: Organization
    secret: str
    patients: int

    def some_references(self, rng: random.Random, count: int) -> list[str]:
        """Ids, as the app gave them, of some of the organization's patients."""
        return [reference(2 * rng.randrange(self.patients // 2)) for _ in range(count)]

    def some_with_open_flows(self, rng: random.Random, count: int) -> list[str]:
        """The same, of those who have an open flow."""
        last = self.patients // 2
        first = last - int(last * FLOWS_PER_PATIENT * OPEN_SHARE)
        return [reference(2 * rng.randrange(first, last)) for _ in range(count)]


def reference(patient: int) -> str:
    return f"patient-{patient:07}"


def email(patient: int) -> str:
    """Ten of the organization's patients share one: families do."""
    return f"family-{patient // 20}@people.example"


def base_url(source: int) -> str:
    return f"https://fhir-{source}.bench.example/r4"


def fill_people(patients: int) -> People:
    """Write them, with flows, connections, workspaces and sources in proportion, and let PostgreSQL look at them."""
    organization = create_organization(name="Bench", environment=Environment.PRODUCTION)
    _, secret = create_api_key(organization=organization, name="bench")
    maker = _Maker(patients, organization, timezone.now() - PERIOD)
    with transaction.atomic():
        copy_into(Organization, maker.workspaces())
        copy_into(ApiKey, maker.keys())
        copy_into(Source, maker.sources())
        ClientRegistration.objects.create(vendor=VENDOR, environment=Environment.PRODUCTION, client_id="bench")
        with without_indexes(Patient, PatientFlow, Connection, Authorization, AuthorizationEvent, IdempotencyKey):
            copy_into(Patient, maker.patients())
            copy_into(PatientFlow, maker.flows())
            copy_into(Connection, maker.connections())
            copy_into(Authorization, maker.authorizations())
            copy_into(AuthorizationEvent, maker.events())
            copy_into(IdempotencyKey, maker.idempotency_keys())
        copy_rows("procrastinate_jobs", ("queue_name", "task_name", "args", "status"), maker.jobs())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return People(organization, secret, patients)


class _Maker:
    def __init__(self, patients: int, organization: Organization, start: datetime) -> None:
        self.count, self.start = patients, start
        self.flow_count = patients * FLOWS_PER_PATIENT
        self.token = box().encrypt(b"token").decode()
        self.first_ms, self.length_ms = int(start.timestamp() * 1000), int(PERIOD.total_seconds() * 1000)
        self.owners = [organization.pk, *(self._id(0, number, WORKSPACES) for number in range(WORKSPACES))]
        self.source_ids = [source_id(base_url(number)) for number in range(SOURCES)]
        self.connected = range(2, self.flow_count, PER_CONNECTION)

    def workspaces(self) -> Iterator[Row]:
        for number, pk in enumerate(self.owners[1:], 1):
            row: Row = {"id": pk, "name": f"Workspace {number}", "environment": Environment.PRODUCTION}
            yield row | {"created_at": self.start}

    def keys(self) -> Iterator[Row]:
        for number, owner in enumerate(self.owners[1:]):
            digest = keys.digest(f"bench-{owner}")
            row: Row = {"id": self._id(2, number, WORKSPACES), "organization_id": owner, "name": "server"}
            row |= {"prefix": "mb_sk_live_bench"}
            yield row | {"digest": digest, "created_at": self.start}

    def sources(self) -> Iterator[Row]:
        for number, pk in enumerate(self.source_ids):
            row: Row = {"id": pk, "name": f"Clinic {number}", "type": VENDOR, "fhir_base_url": base_url(number)}
            row |= {"environment": Environment.PRODUCTION, "created_at": self.start, "updated_at": self.start}
            yield row

    def patients(self) -> Iterator[Row]:
        for number in range(self.count):
            created = self._time(number, self.count)
            row: Row = {
                "id": self._patient_id(number),
                "organization_id": self._owner(number),
                "reference": reference(number),
            }
            row |= {"email": email(number), "name": f"Person {number}", "created_at": created, "updated_at": created}
            yield row

    def flows(self) -> Iterator[Row]:
        for number in range(self.flow_count):
            created, patient, pk = self._time(number, self.flow_count), self._patient(number), self._flow_id(number)
            row: Row = {"id": pk, "organization_id": self._owner(patient), "dialect_name": "patient_flow"}
            row |= {"patient_id": self._patient_id(patient), "return_url": "https://app.example/back"}
            row |= {"link_digest": links.digest(links.token_for(pk)), "created_at": created}
            yield row | self._state(number, created)

    def connections(self) -> Iterator[Row]:
        for number in self.connected:
            created = self._time(number, self.flow_count)
            row: Row = {"id": self._connection_id(number), "patient_id": self._patient_id(self._patient(number))}
            row |= {"flow_id": self._flow_id(number)}
            row |= {"source_id": self._source(number), "fhir_patient_id": f"chart-{number}", "status": "active"}
            row |= {"access_token": self.token, "refresh_token": self.token, "scopes": ["patient/*.read"]}
            yield row | {"connected_at": created, "created_at": created, "updated_at": created}

    def authorizations(self) -> Iterator[Row]:
        for number in self.connected:
            created, pk = self._time(number, self.flow_count), self._authorization_id(number)
            row: Row = {"id": pk, "flow_id": self._flow_id(number), "source_id": self._source(number)}
            row |= {"connection_id": self._connection_id(number)}
            row |= {"state_digest": links.digest(pk), "browser_digest": links.digest(f"browser-{number}")}
            row |= {"outcome": "connected", "expires_at": created, "redeemed_at": created, "finished_at": created}
            yield row | {"created_at": created}

    def events(self) -> Iterator[Row]:
        for pk, number in enumerate(self.connected, 1):
            about = self._authorization_id(number)
            yield {"id": pk, "authorization_id": about, "kind": "connected", "at": self.start}

    def idempotency_keys(self) -> Iterator[Row]:
        count = self.flow_count // PER_KEY
        for number in range(count):
            about = patient_digest(Organization(self.owners[0]), reference(number))
            row: Row = {"id": self._id(6, number, count), "organization_id": self.owners[0]}
            row |= {"key_digest": keys.digest(f"key-{number}")}
            yield row | {"patient_digest": about, "answer": self.token}

    def jobs(self) -> Iterator[tuple[str, str, str, str]]:
        """Finished ones, which procrastinate keeps."""
        for _ in range(self.flow_count // PER_JOB):
            yield "default", "bench.job", "{}", "succeeded"

    def _patient_id(self, number: int) -> str:
        return self._id(1, number, self.count)

    def _flow_id(self, number: int) -> str:
        return self._id(3, number, self.flow_count)

    def _connection_id(self, flow: int) -> str:
        return self._id(4, flow, self.flow_count)

    def _authorization_id(self, flow: int) -> str:
        return self._id(5, flow, self.flow_count)

    def _state(self, number: int, created: datetime) -> Row:
        if number >= self.flow_count * (1 - OPEN_SHARE):
            return {"status": "open", "expires_at": created + OPEN_FOR}
        ended: Row = {"expires_at": created + timedelta(minutes=30)}
        return ended | ({"status": "complete", "completed_at": created} if number % 3 else {"status": "expired"})

    def _patient(self, flow: int) -> int:
        return BUSIEST if flow % PER_BUSIEST == 0 else flow % self.count

    def _owner(self, patient: int) -> str:
        return self.owners[0] if patient % 2 == 0 else self.owners[1 + patient // 2 % WORKSPACES]

    def _source(self, number: int) -> str:
        return self.source_ids[number // PER_CONNECTION % SOURCES]

    def _time(self, number: int, count: int) -> datetime:
        return self.start + PERIOD * number / count

    def _id(self, kind: int, number: int, count: int) -> str:
        """The id of one of `count` rows of a kind: a ULID whose time is that far in the period."""
        # An odd multiplier: no two numbers have the same remainder.
        scattered = (number * _SCATTER + kind) & (2**80 - 1)
        return _ulid((self.first_ms + self.length_ms * number // count) << 80 | scattered)


def _ulid(value: int) -> str:
    """What `str(ULID.from_int(value))` is, in half the time."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
