"""Rows of every model that the admin shows, with secrets that no page may have."""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app as procrastinate

from common.ids import new_ulid
from flows import links
from flows.models import Authorization, AuthorizationEvent, EventKind, Outcome, PatientFlow, SourceRequest
from flows.serializers import flow_out
from organizations.models import ApiKey, Organization
from organizations.operations import create_api_key
from patients.models import Connection, ConnectionStatus, Patient
from records.models import Pull, PullKind, PullStatus, StepStatus
from records.verdicts import Verdict
from sources.keys import new_private_key
from sources.models import ClientRegistration, Facility, Source
from sources.operations import NewClient, add_source
from webhooks.models import Attempt, Delivery, Endpoint, Event
from webhooks.operations import Fact, emit_all
from webhooks.signing import new_secret, signature_headers

HOSTILE = "<script>alert('portal')</script>\"'><img src=x onerror=alert(1)>"
REQUEST_ID = "0b6f1d0e-3c4f-4f6a-9d1c-5f2d7a1e8b90"


@dataclass
class World:
    """One of everything; `secrets` is what must stay out of every page."""

    organization: Organization
    key: ApiKey
    source: Source
    registration: ClientRegistration
    patient: Patient
    connection: Connection
    failed: Connection
    pull: Pull
    flow: PatientFlow
    authorization: Authorization
    event: AuthorizationEvent
    wish: SourceRequest
    told: Event
    endpoint: Endpoint
    delivery: Delivery
    secrets: list[str] = field(default_factory=list)


@cache
def any_private_key() -> str:
    """The same one for every world: making one takes longer than the rest of it."""
    return new_private_key()


def build(organization: Organization) -> World:
    secret_key = any_private_key()
    source = add_source(
        name="Riverside Hospital",
        fhir_base_url="https://fhir.riverside.example/r4",
        environment="sandbox",
        type="epic",
        client=NewClient(client_id="app-1", auth_method="private_key_jwt", private_key=secret_key),
    )
    registration = ClientRegistration.objects.get(source=source)
    registration.client_secret = "client-secret-5e1f"
    registration.save()
    key, secret = create_api_key(organization=organization, name="backend")
    patient = Patient.objects.create(
        organization=organization, reference="patient-1", email="Ada@example.org", name="Ada L", metadata={"team": "x"}
    )
    flow = new_flow(patient)
    connection, failed = new_connections(patient, source, flow)
    authorization = new_sign_in(flow, source, registration, failed)
    waiting = Authorization.objects.create(
        flow=flow,
        source=source,
        registration=registration,
        state_digest="state-digest-waiting-77",
        browser_digest="browser-digest-77",
        verifier="pkce-verifier-77",
        expires_at=timezone.now() + timedelta(minutes=15),
    )
    procrastinate.configure_task("tests.nothing", allow_unknown=True).defer(timestamp=1)
    pem_body = secret_key.splitlines()[3]
    endpoint = new_endpoint(organization)
    told = new_event(flow)
    delivery = told.deliveries.get()
    attempt = new_attempt(delivery, "failed", status_code=500)
    return World(
        organization=organization,
        key=key,
        source=source,
        registration=registration,
        patient=patient,
        connection=connection,
        failed=failed,
        pull=new_pull(connection),
        flow=flow,
        authorization=authorization,
        event=authorization.events.last(),
        wish=new_wish(flow, "Granite Valley", source=source),
        told=told,
        endpoint=endpoint,
        delivery=delivery,
        secrets=[
            "client-secret-5e1f",
            "BEGIN PRIVATE KEY",
            pem_body,
            secret,
            key.digest,
            "access-token-9a",
            "refresh-token-9b",
            flow.link_digest,
            links.token_for(flow.id),
            authorization.state_digest,
            authorization.browser_digest,
            waiting.state_digest,
            waiting.browser_digest,
            waiting.verifier,
            endpoint.secret,
            endpoint.previous_secret,
            *signatures_in(attempt.response_body),
        ],
    )


def new_flow(patient: Patient) -> PatientFlow:
    flow_id = new_ulid()
    return PatientFlow.objects.create(
        id=flow_id,
        organization=patient.organization,
        patient=patient,
        dialect_name="session",
        return_url="https://app.example/back",
        link_digest=links.digest(links.token_for(flow_id)),
        expires_at=timezone.now() + timedelta(minutes=30),
    )


def new_connections(patient: Patient, source: Source, flow: PatientFlow) -> tuple[Connection, Connection]:
    """One that works and one that failed."""
    now = timezone.now()
    works = Connection.objects.create(
        patient=patient,
        source=source,
        flow_id=flow.id,
        status=ConnectionStatus.ACTIVE,
        scopes=["patient/*.read"],
        access_token="access-token-9a",
        refresh_token="refresh-token-9b",
        access_expires_at=now + timedelta(hours=1),
        fhir_patient_id="fhir-1",
        connected_at=now,
    )
    failed = Connection.objects.create(
        patient=patient,
        source=source,
        flow_id=flow.id,
        status=ConnectionStatus.FAILED,
        failure_code="token_exchange_failed",
        failure_at=now,
    )
    return works, failed


def new_pull(connection: Connection, **more) -> Pull:
    """One that ended, with a type that came, one that the portal refused in hostile words, and one without anything."""
    now = timezone.now()
    ended = {"status": PullStatus.COMPLETED, "ended_at": now + timedelta(seconds=75)}
    pull = Pull.objects.create(
        connection=connection,
        source_id=connection.source_id,
        requested_at=now,
        started_at=now,
        **{"kind": PullKind.FIRST, "received": 7, "added": 3, "changed": 2, "faults": 1} | ended | more,
    )
    done = {"status": StepStatus.DONE, "pages": 1, "started_at": now, "ended_at": now}
    pull.steps.create(
        position=0,
        resource_type="Observation",
        parameters="category=laboratory",
        received=5,
        added=3,
        changed=1,
        **done,
    )
    pull.steps.create(
        position=1, resource_type="Observation", parameters="category=exam", received=2, changed=1, **done
    )
    pull.steps.create(
        position=2,
        resource_type="Condition",
        **done | {"status": StepStatus.FAILED},
        verdict=Verdict.NOT_PERMITTED,
        portal_words=HOSTILE,
    )
    pull.steps.create(position=3, resource_type="Goal", **done)
    return pull


def new_sign_in(
    flow: PatientFlow, source: Source, registration: ClientRegistration, connection: Connection
) -> Authorization:
    """A sign-in that failed, with the portal's hostile words in its trail."""
    now = timezone.now()
    authorization = Authorization.objects.create(
        flow=flow,
        source=source,
        registration=registration,
        connection=connection,
        state_digest=f"state-digest-{new_ulid()}",
        browser_digest="browser-digest-41",
        asked_scopes=["openid", "patient/*.read"],
        token_endpoint="https://auth.riverside.example/token",
        outcome=Outcome.TOKEN_EXCHANGE_FAILED,
        expires_at=now + timedelta(minutes=15),
        redeemed_at=now,
        finished_at=now,
    )
    for seconds, kind in enumerate([EventKind.STARTED, EventKind.REDIRECTED, EventKind.RETURNED, EventKind.FAILED]):
        failed = kind == EventKind.FAILED
        authorization.events.create(
            kind=kind,
            at=now + timedelta(seconds=seconds),
            request_id=REQUEST_ID,
            code=Outcome.TOKEN_EXCHANGE_FAILED if failed else "",
            portal_code="invalid_grant" if failed else "",
            portal_description=HOSTILE if failed else "",
        )
    return authorization


def new_event(flow: PatientFlow) -> Event:
    """What the app is told of a flow, with hostile words of its own."""
    now = timezone.now()
    told = flow_out(flow, flow.dialect, [], now) | {"metadata": {"note": HOSTILE}}
    with transaction.atomic():
        link = told.pop("url")
        fact = Fact(
            organization_id=flow.organization_id,
            type="session.completed",
            object=told,
            patient_id=flow.patient_id,
            link=link,
        )
        return emit_all([fact], now=now)[0]


def new_endpoint(organization: Organization, **more) -> Endpoint:
    """One that wants everything and signs with two secrets, with hostile words of the app's own."""
    now = timezone.now()
    return Endpoint.objects.create(
        **{
            "organization": organization,
            "url": "https://hooks.bluebird.example/in?note=x",
            "events": ["*"],
            "description": f"Orders {HOSTILE}",
            "metadata": {"team": HOSTILE},
            "secret": new_secret(),
            "previous_secret": new_secret(),
            "previous_secret_until": now + timedelta(hours=1),
            "created_at": now,
            "updated_at": now,
        }
        | more
    )


def new_attempt(delivery: Delivery, outcome: str, *, ago: timedelta = timedelta(0), **more) -> Attempt:
    """One that ended. The receiver's answer is hostile, and repeats all that it was sent."""
    at = timezone.now() - ago
    signed = signature_headers(
        [delivery.endpoint.secret], event_id=delivery.public_id, body=delivery.body.encode(), now=at
    )
    echo = HOSTILE + json.dumps(signed) + delivery.body + delivery.body.replace("/", "\\/")
    return delivery.tries.create(
        endpoint=delivery.endpoint,
        started_at=at,
        outcome=outcome,
        **{"duration_ms": 132, "response_body": echo, "problem": "It failed."} | more,
    )


def signatures_in(text: str) -> list[str]:
    """The values by which a request is known to be ours."""
    found = re.findall(r"v1=([0-9a-f]{64})|v1,([\w+/]{43}=)", text)
    assert found
    return [hex_value or base64_value for hex_value, base64_value in found]


def new_wish(flow: PatientFlow, name: str, **more) -> SourceRequest:
    """A place that a patient asked for, with hostile words beside its name."""
    return SourceRequest.objects.create(
        flow=flow,
        organization=flow.organization,
        name=name,
        place=HOSTILE,
        portal_address="javascript:alert(1)",
        **more,
    )


def grow(world: World, rows: int) -> None:
    """So many more of everything that a list shows."""
    for number in range(rows):
        create_api_key(organization=world.organization, name=f"key {number}")
        source = add_source(
            name=f"Clinic {number}",
            fhir_base_url=f"https://fhir.example/{number}",
            environment="sandbox",
            organization=world.organization,
            client=NewClient(client_id=f"app {number}"),
        )
        brand = Facility.objects.create(name=f"Brand {number}")
        Facility.objects.filter(sources=source).update(brand=brand)
        patient = Patient.objects.create(organization=world.organization, reference=f"grown-{number}")
        flow = new_flow(patient)
        works, failed = new_connections(patient, source, flow)
        new_pull(works)
        new_sign_in(flow, source, world.registration, failed)
        new_wish(flow, f"Granite {number}", source=source)
        endpoint = new_endpoint(world.organization, events=["patient.deleted"])
        told = new_event(flow)
        for delivery in told.deliveries.all():
            new_attempt(delivery, "delivered", status_code=200)
        assert endpoint.is_active
        procrastinate.configure_task("tests.nothing", allow_unknown=True).defer(timestamp=number)
